import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { VaultTrail } from './vault-trail.ts';

export interface WatchedStorage {
  readonly vault: IBucket;
  readonly key: IKey;
  readonly trail: VaultTrail;
}

export interface TrailAlarmsProps {
  readonly storage: WatchedStorage;
  readonly topic: ITopic;
}

interface TrailAlarm {
  readonly id: string;
  /** Also the heading in docs/runbook.md. */
  readonly title: string;
  readonly meaning: string;
  /** Service whose call it is, as in `aws.<service>`. */
  readonly service: 's3' | 'kms' | 'cloudtrail';
  readonly detail: (storage: WatchedStorage) => Record<string, unknown>;
}

const PRESENT = [{ exists: true }];
const ABSENT = [{ exists: false }];

/** CloudTrail's names of the calls, which are not always those of the API. */
const BUCKET_CHANGES = [
  'PutBucketPolicy',
  'DeleteBucketPolicy',
  'PutObjectLockConfiguration',
  'PutBucketObjectLockConfiguration',
  'PutBucketVersioning',
  'PutBucketLifecycle',
  'PutBucketLifecycleConfiguration',
  'DeleteBucketLifecycle',
  'PutBucketReplication',
  'PutBucketAcl',
  'PutBucketOwnershipControls',
  'PutBucketPublicAccessBlock',
  'DeleteBucketPublicAccessBlock',
  'PutBucketEncryption',
  'DeleteBucket',
];

const ALARMS: readonly TrailAlarm[] = [
  {
    id: 'KeyEndangered',
    title: 'Key endangered',
    meaning: "somebody tried to end the vault's key, or to change who may",
    service: 'kms',
    detail: ({ key }) => ({
      eventName: ['ScheduleKeyDeletion', 'DisableKey', 'DeleteImportedKeyMaterial', 'PutKeyPolicy'],
      // A denied call may name the key in its message only.
      $or: [
        { requestParameters: { keyId: [{ suffix: key.keyId }] } },
        { resources: { ARN: [key.keyArn] } },
        { errorMessage: [{ wildcard: `*${key.keyId}*` }] },
      ],
    }),
  },
  {
    id: 'DeleteMarkerMade',
    title: 'Delete marker made',
    meaning: 'an object of the vault was hidden by a delete marker, which its policy denies to everybody',
    service: 's3',
    detail: ({ vault }) => ({
      eventName: ['DeleteObject'],
      errorCode: ABSENT,
      requestParameters: { bucketName: [vault.bucketName], versionId: ABSENT },
    }),
  },
  {
    id: 'DeleteRefused',
    title: 'Delete refused',
    meaning: 'somebody tried to delete from the vault',
    service: 's3',
    detail: ({ vault }) => ({
      requestParameters: { bucketName: [vault.bucketName] },
      // Holdfast deletes one version at a time; the refusals of a call for many are in its answer, not in its error.
      $or: [{ eventName: ['DeleteObject'], errorCode: PRESENT }, { eventName: ['DeleteObjects'] }],
    }),
  },
  {
    id: 'VaultConfigurationChanged',
    title: 'Vault configuration changed',
    meaning: "the vault's policy, lock, versioning, lifecycle or access was changed, or somebody tried to",
    service: 's3',
    detail: ({ vault }) => ({
      eventName: BUCKET_CHANGES,
      requestParameters: { bucketName: [vault.bucketName] },
    }),
  },
  {
    id: 'TrailChanged',
    title: 'Trail changed',
    meaning: 'the trail that these alarms come from was changed or stopped, or somebody tried to',
    service: 'cloudtrail',
    detail: ({ trail: { trailName } }) => ({
      eventName: ['StopLogging', 'DeleteTrail', 'UpdateTrail', 'PutEventSelectors'],
      // By name or by ARN.
      requestParameters: {
        $or: [{ name: [{ suffix: trailName }] }, { trailName: [{ suffix: trailName }] }],
      },
    }),
  },
  {
    id: 'TrailLogChanged',
    title: 'Trail changed',
    meaning: 'the bucket with the log of the trail was changed, or somebody tried to',
    service: 's3',
    detail: ({ trail }) => ({
      eventName: BUCKET_CHANGES,
      requestParameters: { bucketName: [trail.log.bucketName] },
    }),
  },
];

/** Tells people of calls that the trail should never record. Each message says who, what, when and what to do. */
export class TrailAlarms extends Construct {
  constructor(scope: Construct, id: string, { storage, topic }: TrailAlarmsProps) {
    super(scope, id);
    for (const { id: alarmId, title, meaning, service, detail } of ALARMS) {
      const heading = title.toLowerCase().replaceAll(' ', '-');
      const message = RuleTargetInput.fromText(
        `Holdfast alarm "${title}": ${meaning}. ${detailOf('userIdentity.arn')} called ${detailOf('eventName')} at ` +
          `${detailOf('eventTime')} from ${detailOf('sourceIPAddress')}; error: ${detailOf('errorCode')}; CloudTrail event ` +
          `${detailOf('eventID')}. What to do: docs/runbook.md#${heading}`,
      );
      void new Rule(this, alarmId, {
        description: `Holdfast: ${meaning}. What to do: docs/runbook.md#${heading}`,
        eventPattern: {
          source: [`aws.${service}`],
          detailType: ['AWS API Call via CloudTrail'],
          detail: detail(storage),
        },
        targets: [new SnsTopic(topic, { message })],
      });
    }
  }
}

function detailOf(field: string): string {
  return EventField.fromPath(`$.detail.${field}`);
}
