import { Aws, type Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { DeploymentConfig } from '../deployment-config.ts';

/** Tags that Holdfast puts on what it makes; only what carries them is it allowed to touch again. */
const RUN_TAG = 'holdfast:run';
const ATTEMPT_TAG = 'holdfast:attempt';
const RESTORE_TAG = 'holdfast:restore';

/** Objects are read as they are now; the tags are those of the version that was. */
const OBJECT_READS = ['s3:GetObject', 's3:GetObjectTagging', 's3:GetObjectVersionTagging'];

// Actions of EC2 and of the tagging API that know no resources.
const thisRegion = { StringEquals: { 'aws:RequestedRegion': Aws.REGION } };
const ownAccount = { StringEquals: { 'aws:ResourceAccount': Aws.ACCOUNT_ID } };
const tagged = (key: string) => ({ Null: { [`aws:ResourceTag/${key}`]: 'false' } });
const ec2 = (stack: Stack, resource: string) =>
  `arn:${Aws.PARTITION}:ec2:${stack.region}:${stack.account}:${resource}/*`;
/** Snapshots belong to no account in an ARN. */
const snapshots = (stack: Stack) => `arn:${Aws.PARTITION}:ec2:${stack.region}::snapshot/*`;
const bucket = (name: string) => `arn:${Aws.PARTITION}:s3:::${name}`;

export function discoversSources(): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'FindTaggedResources',
      actions: ['tag:GetResources', 'ec2:DescribeInstances', 'ec2:DescribeVolumes'],
      resources: ['*'],
      conditions: thisRegion,
    }),
    new PolicyStatement({
      sid: 'ConfirmBucketTags',
      actions: ['s3:GetBucketTagging'],
      resources: [bucket('*')],
      conditions: ownAccount,
    }),
  ];
}

/** Reading the objects of source buckets; listing them is another right. */
export function readsBuckets({ sources, tagKey }: DeploymentConfig): PolicyStatement[] {
  const statements = [
    new PolicyStatement({
      sid: 'ReadTaggedBuckets',
      actions: OBJECT_READS,
      resources: [bucket('*')],
      conditions: { ...ownAccount, ...tagged(tagKey) },
    }),
  ];
  if (sources.buckets.length > 0) {
    statements.push(
      new PolicyStatement({
        sid: 'ReadNamedBuckets',
        actions: OBJECT_READS,
        resources: sources.buckets.map((name) => `${bucket(name)}/*`),
        conditions: ownAccount,
      }),
    );
  }
  if (sources.keys.length > 0) {
    statements.push(
      new PolicyStatement({
        sid: 'DecryptSources',
        actions: ['kms:Decrypt'],
        resources: [...sources.keys],
        conditions: { StringEquals: { 'kms:ViaService': `s3.${Aws.REGION}.${Aws.URL_SUFFIX}` } },
      }),
    );
  }
  return statements;
}

/**
 * Listing source buckets, and asking for their clock: those that the configuration names, and those whose tag S3 looks
 * at itself, which it does only where attribute-based access control (ABAC) is enabled on the bucket.
 */
export function listsBuckets({ sources, tagKey }: DeploymentConfig): PolicyStatement[] {
  const statements = [
    new PolicyStatement({
      sid: 'ListTaggedBuckets',
      actions: ['s3:ListBucket'],
      resources: [bucket('*')],
      conditions: { ...ownAccount, ...tagged(tagKey) },
    }),
  ];
  if (sources.buckets.length > 0) {
    statements.push(
      new PolicyStatement({
        sid: 'ListNamedBuckets',
        actions: ['s3:ListBucket'],
        resources: sources.buckets.map(bucket),
      }),
    );
  }
  return statements;
}

/** Describing things of EC2, which AWS allows for all of a kind or for none. */
export function describes(...kinds: readonly ('Instances' | 'Volumes' | 'Snapshots')[]): PolicyStatement {
  return new PolicyStatement({
    sid: 'DescribeImages',
    actions: kinds.map((kind) => `ec2:Describe${kind}`),
    resources: ['*'],
    conditions: thisRegion,
  });
}

/** Taking snapshots of tagged instances (all their volumes) and tagged volumes, and removing own duplicates. */
export function takesSnapshots(stack: Stack, { tagKey }: DeploymentConfig): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'SnapshotTaggedInstances',
      actions: ['ec2:CreateSnapshots'],
      resources: [ec2(stack, 'instance')],
      conditions: tagged(tagKey),
    }),
    // The volumes of a tagged instance carry no tag of their own; the statement above decides about the instance.
    new PolicyStatement({
      sid: 'SnapshotTheirVolumes',
      actions: ['ec2:CreateSnapshots'],
      resources: [ec2(stack, 'volume')],
      conditions: thisRegion,
    }),
    new PolicyStatement({
      sid: 'SnapshotTaggedVolumes',
      actions: ['ec2:CreateSnapshot'],
      resources: [ec2(stack, 'volume')],
      conditions: tagged(tagKey),
    }),
    new PolicyStatement({
      sid: 'MakeSnapshotsOfARun',
      actions: ['ec2:CreateSnapshot', 'ec2:CreateSnapshots'],
      resources: [snapshots(stack)],
      conditions: { Null: { [`aws:RequestTag/${RUN_TAG}`]: 'false' } },
    }),
    new PolicyStatement({
      sid: 'TagNewSnapshots',
      actions: ['ec2:CreateTags'],
      resources: [snapshots(stack)],
      conditions: { StringEquals: { 'ec2:CreateAction': ['CreateSnapshot', 'CreateSnapshots'] } },
    }),
    // A volume may have more tags than there is room for beside ours: then its snapshot gets some of them afterwards.
    new PolicyStatement({
      sid: 'TagSnapshotsOfRuns',
      actions: ['ec2:CreateTags'],
      resources: [snapshots(stack)],
      conditions: {
        // All values of no key are other than anything.
        Null: { ...tagged(RUN_TAG).Null, 'aws:TagKeys': 'false' },
        'ForAllValues:StringNotEquals': { 'aws:TagKeys': [RUN_TAG, ATTEMPT_TAG] },
      },
    }),
    new PolicyStatement({
      sid: 'RemoveDuplicateSnapshots',
      actions: ['ec2:DeleteSnapshot'],
      resources: [snapshots(stack)],
      conditions: tagged(RUN_TAG),
    }),
  ];
}

/** Removing only snapshots that runs took. */
export function removesSnapshots(stack: Stack): PolicyStatement {
  return new PolicyStatement({
    sid: 'RemoveSnapshotsOfRuns',
    actions: ['ec2:DeleteSnapshot'],
    resources: [snapshots(stack)],
    conditions: tagged(RUN_TAG),
  });
}

/** Making volumes only out of snapshots that runs took. */
export function createsVolumes(stack: Stack, { restoreTargets }: DeploymentConfig): PolicyStatement[] {
  const statements = [
    new PolicyStatement({
      sid: 'UseSnapshotsOfRuns',
      actions: ['ec2:CreateVolume'],
      resources: [snapshots(stack)],
      conditions: tagged(RUN_TAG),
    }),
    new PolicyStatement({
      sid: 'MakeVolumesOfARestore',
      actions: ['ec2:CreateVolume'],
      resources: [ec2(stack, 'volume')],
      conditions: { Null: { [`aws:RequestTag/${RESTORE_TAG}`]: 'false' } },
    }),
    new PolicyStatement({
      sid: 'TagNewVolumes',
      actions: ['ec2:CreateTags'],
      resources: [ec2(stack, 'volume')],
      conditions: { StringEquals: { 'ec2:CreateAction': 'CreateVolume' } },
    }),
  ];
  if (restoreTargets.keys.length > 0) {
    const viaEc2 = { StringEquals: { 'kms:ViaService': `ec2.${Aws.REGION}.${Aws.URL_SUFFIX}` } };
    statements.push(
      new PolicyStatement({
        sid: 'EncryptVolumes',
        actions: [
          'kms:Decrypt',
          'kms:DescribeKey',
          'kms:GenerateDataKeyWithoutPlaintext',
          'kms:ReEncryptFrom',
          'kms:ReEncryptTo',
        ],
        resources: [...restoreTargets.keys],
        conditions: viaEc2,
      }),
      new PolicyStatement({
        sid: 'LetEc2UseVolumeKeys',
        actions: ['kms:CreateGrant'],
        resources: [...restoreTargets.keys],
        conditions: { ...viaEc2, Bool: { 'kms:GrantIsForAWSResource': 'true' } },
      }),
    );
  }
  return statements;
}

export function listsTargets({ restoreTargets }: DeploymentConfig): PolicyStatement[] {
  if (restoreTargets.buckets.length === 0) return [];
  return [
    new PolicyStatement({
      sid: 'ListTargets',
      actions: ['s3:ListBucket'],
      resources: restoreTargets.buckets.map(bucket),
    }),
  ];
}

/** Ending uploads into the buckets that the configuration names, which writes nothing there. */
export function endsUploads({ restoreTargets: { buckets } }: DeploymentConfig): PolicyStatement[] {
  if (buckets.length === 0) return [];
  return [
    new PolicyStatement({
      sid: 'EndUploads',
      actions: ['s3:AbortMultipartUpload'],
      resources: buckets.map((name) => `${bucket(name)}/*`),
      conditions: ownAccount,
    }),
  ];
}

/**
 * Writing restored objects into the buckets that the configuration names, and nowhere else; what is there already is
 * compared.
 */
export function writesTargets(config: DeploymentConfig): PolicyStatement[] {
  const { buckets, keys } = config.restoreTargets;
  if (buckets.length === 0) return [];
  const statements = [
    ...listsTargets(config),
    new PolicyStatement({
      sid: 'WriteTargets',
      actions: [
        's3:GetObject',
        's3:GetObjectTagging',
        's3:PutObject',
        's3:PutObjectTagging',
        's3:AbortMultipartUpload',
      ],
      resources: buckets.map((name) => `${bucket(name)}/*`),
      conditions: ownAccount,
    }),
  ];
  if (keys.length > 0) {
    statements.push(
      new PolicyStatement({
        sid: 'EncryptTargets',
        actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
        resources: [...keys],
        conditions: { StringEquals: { 'kms:ViaService': `s3.${Aws.REGION}.${Aws.URL_SUFFIX}` } },
      }),
    );
  }
  return statements;
}
