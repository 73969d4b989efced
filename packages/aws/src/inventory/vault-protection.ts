import {
  type CloudTrailClient,
  DescribeTrailsCommand,
  GetEventSelectorsCommand,
  GetTrailStatusCommand,
} from '@aws-sdk/client-cloudtrail';
import { DescribeKeyCommand, GetKeyPolicyCommand, type KMSClient } from '@aws-sdk/client-kms';
import {
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { BackupError } from '@holdfast/engine';
import { errorName, toEngineError } from '../sdk/sdk-errors.ts';
import { recordsDeletes } from './records-deletes.ts';

/** The answer of AWS to one question, or why there is none. */
export interface ProtectionFact {
  readonly what: string;
  readonly value?: unknown;
  readonly problem?: string;
}

export interface ProtectionClients {
  readonly s3: S3Client;
  readonly kms: KMSClient;
  readonly cloudTrail: CloudTrailClient;
}

export interface ProtectedVault {
  readonly bucket: string;
  /** Absent where the deployment does not name it. */
  readonly keyArn: string | undefined;
}

/**
 * Reads how AWS protects a vault: the bucket's lock, versions, policy and public access, the key's state and policy, the
 * trails that record deletes in the bucket. What the caller may not read is said so, and the rest is read.
 */
export async function readVaultProtection(
  { s3, kms, cloudTrail }: ProtectionClients,
  { bucket, keyArn }: ProtectedVault,
): Promise<readonly ProtectionFact[]> {
  const Bucket = bucket;
  return [
    await factOf('object lock of the bucket', async () => {
      const answer = await s3.send(new GetObjectLockConfigurationCommand({ Bucket }));
      return answer.ObjectLockConfiguration;
    }),
    await factOf('versions of the bucket', async () => {
      const { Status, MFADelete } = await s3.send(new GetBucketVersioningCommand({ Bucket }));
      return { Status, MFADelete };
    }),
    await factOf('policy of the bucket', async () => {
      const { Policy } = await s3.send(new GetBucketPolicyCommand({ Bucket }));
      return JSON.parse(Policy ?? 'null') as unknown;
    }),
    await factOf('public access to the bucket', async () => {
      const answer = await s3.send(new GetPublicAccessBlockCommand({ Bucket }));
      return answer.PublicAccessBlockConfiguration;
    }),
    await factOf('key of the vault', async () => {
      const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: keyArn }));
      const { Arn, KeyState, DeletionDate, Origin, MultiRegion } = KeyMetadata ?? {};
      return { Arn, KeyState, DeletionDate, Origin, MultiRegion };
    }),
    await factOf('policy of the key', async () => {
      const { Policy } = await kms.send(new GetKeyPolicyCommand({ KeyId: keyArn, PolicyName: 'default' }));
      return JSON.parse(Policy ?? 'null') as unknown;
    }),
    await factOf('trails over the bucket', async () => findTrails(cloudTrail, bucket)),
  ];
}

/**
 * Trails that record deletes of all objects of the bucket, and whether they are at work. Trails of an organization and of other regions
 * are listed here, too, and may be asked about only where they belong: they have a `problem`, and hide no other.
 */
async function findTrails(cloudTrail: CloudTrailClient, bucket: string): Promise<readonly object[]> {
  const { trailList = [] } = await cloudTrail.send(new DescribeTrailsCommand({}));
  const found: object[] = [];
  for (const { TrailARN = '', LogFileValidationEnabled, S3BucketName } of trailList) {
    try {
      const selectors = await cloudTrail.send(new GetEventSelectorsCommand({ TrailName: TrailARN }));
      const [, partition = 'aws'] = TrailARN.split(':');
      if (!recordsDeletes(selectors, `arn:${partition}:s3:::${bucket}/`)) continue;
      const status = await cloudTrail.send(new GetTrailStatusCommand({ Name: TrailARN }));
      const { IsLogging, LatestDeliveryTime, LatestDeliveryError } = status;
      found.push({
        TrailARN,
        S3BucketName,
        LogFileValidationEnabled,
        IsLogging,
        LatestDeliveryTime,
        LatestDeliveryError,
        selectors: selectors.AdvancedEventSelectors ?? selectors.EventSelectors,
      });
    } catch (cause) {
      found.push({ TrailARN, problem: problemOf(cause, `reading trail ${TrailARN}`) });
    }
  }
  return found;
}

/** S3's names for that there is none of what was asked for, which is an answer. */
const noneNames: ReadonlySet<string> = new Set([
  'NoSuchBucketPolicy',
  'NoSuchPublicAccessBlockConfiguration',
  'ObjectLockConfigurationNotFoundError',
]);

async function factOf(what: string, read: () => Promise<unknown>): Promise<ProtectionFact> {
  try {
    return { what, value: (await read()) ?? null };
  } catch (cause) {
    if (noneNames.has(errorName(cause))) return { what, value: null };
    return { what, problem: problemOf(cause, `reading the ${what}`) };
  }
}

/** @throws what nobody but the caller can do something about: a mistake of ours, refused credentials. */
function problemOf(cause: unknown, doing: string): string {
  const error = toEngineError(cause, doing);
  if (!(error instanceof BackupError) || error.kind === 'credentials') throw error;
  return error.message;
}
