import { Aws } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';

/** The stores that hold backups, and those that go with them. */
export interface Storage {
  readonly vault: IBucket;
  /** Shard lists and results of workers; nothing in it is needed for a restore. */
  readonly workBucket: IBucket;
  readonly catalog: ITable;
  readonly chunkIndex: ITable;
  readonly key: IKey;
}

/** Condition beside a wildcard that repeats the account of the ARN. Not every service tells IAM whose a resource is. */
export const accountOfArn = { StringEqualsIfExists: { 'aws:ResourceAccount': Aws.ACCOUNT_ID } };

// Object names cannot be listed in a policy, so every statement over objects is bound to this account's buckets:
// a bucket of the same name that somebody else made after ours was deleted is out of reach.
export const ownAccount = { StringEquals: { 'aws:ResourceAccount': Aws.ACCOUNT_ID } };
const vaultKeyContext = { Null: { 'kms:EncryptionContext:holdfast:vault': 'false' } };

/** Reading backups: objects of the vault, all versions, and the key that opens them. */
export function readsVault(storage: Pick<Storage, 'vault' | 'key'>): PolicyStatement[] {
  return [
    ...readsSealed(storage),
    new PolicyStatement({
      sid: 'UnwrapVaultKeys',
      actions: ['kms:Decrypt'],
      resources: [storage.key.keyArn],
      conditions: vaultKeyContext,
    }),
  ];
}

/** Reading objects of the vault as they lie there: locks, the audit log, and what nobody can open without the key. */
export function readsSealed({ vault }: Pick<Storage, 'vault'>): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'ReadVault',
      actions: ['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectRetention'],
      resources: [vault.arnForObjects('*')],
      conditions: ownAccount,
    }),
    listsVault({ vault }),
  ];
}

/** Seeing which objects the vault has, and its clock. */
export function listsVault({ vault }: Pick<Storage, 'vault'>): PolicyStatement {
  return new PolicyStatement({
    sid: 'ListVault',
    actions: ['s3:ListBucket', 's3:ListBucketVersions'],
    resources: [vault.bucketArn],
  });
}

/** Writing new objects under some prefixes of the vault, and extending locks anywhere in it. Never deleting. */
export function writesVault(
  { vault }: Pick<Storage, 'vault'>,
  prefixes: readonly string[],
): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'WriteVault',
      actions: ['s3:PutObject', 's3:AbortMultipartUpload'],
      resources: prefixes.map((prefix) => vault.arnForObjects(prefix)),
      conditions: ownAccount,
    }),
    extendsLocks({ vault }),
  ];
}

/** Adding to the audit log. Its entries arrive locked, for which S3 asks for the right to set locks, too. */
export function writesAuditLog({ vault }: Pick<Storage, 'vault'>): PolicyStatement {
  return new PolicyStatement({
    sid: 'WriteAuditLog',
    actions: ['s3:PutObject', 's3:PutObjectRetention'],
    resources: [vault.arnForObjects('audit/*')],
    conditions: ownAccount,
  });
}

/** Putting S3's legal hold on roots and containers. Never taking it away. */
export function holdsPoints({ vault }: Pick<Storage, 'vault'>): PolicyStatement {
  return new PolicyStatement({
    sid: 'HoldPoints',
    actions: ['s3:PutObjectLegalHold'],
    resources: ['points/*', 'containers/*'].map((prefix) => vault.arnForObjects(prefix)),
    conditions: { StringEquals: { ...ownAccount.StringEquals, 's3:object-lock-legal-hold': 'ON' } },
  });
}

/** Making containers in an archive class readable for some days. */
export function thawsContainers({ vault }: Pick<Storage, 'vault'>): PolicyStatement {
  return new PolicyStatement({
    sid: 'ThawContainers',
    actions: ['s3:RestoreObject'],
    resources: [vault.arnForObjects('containers/*')],
    conditions: ownAccount,
  });
}

/** Moving locks to later dates, anywhere in the vault. */
export function extendsLocks({ vault }: Pick<Storage, 'vault'>): PolicyStatement {
  return new PolicyStatement({
    sid: 'ExtendLocks',
    actions: ['s3:PutObjectRetention'],
    resources: [vault.arnForObjects('*')],
    conditions: ownAccount,
  });
}

/** Seeing whether S3's legal hold is on; without it, reading a version's state leaves that out. */
export function seesHolds({ vault }: Pick<Storage, 'vault'>, prefixes: readonly string[]): PolicyStatement {
  return new PolicyStatement({
    sid: 'SeeHolds',
    actions: ['s3:GetObjectLegalHold'],
    resources: prefixes.map((prefix) => vault.arnForObjects(prefix)),
    conditions: ownAccount,
  });
}

/**
 * Removing versions under some prefixes of the vault, as far as their locks have ended, and taking away the legal hold
 * that a released one left on them. Never delete markers.
 */
export function removesVersions(
  { vault }: Pick<Storage, 'vault'>,
  prefixes: readonly string[],
): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'RemoveVersions',
      actions: ['s3:DeleteObjectVersion'],
      resources: prefixes.map((prefix) => vault.arnForObjects(prefix)),
      conditions: ownAccount,
    }),
    seesHolds({ vault }, prefixes),
    new PolicyStatement({
      sid: 'EndHolds',
      actions: ['s3:PutObjectLegalHold'],
      resources: prefixes.map((prefix) => vault.arnForObjects(prefix)),
      conditions: { StringEquals: { ...ownAccount.StringEquals, 's3:object-lock-legal-hold': 'OFF' } },
    }),
  ];
}

export function createsVaultKeys({ key }: Pick<Storage, 'key'>): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'WrapVaultKeys',
      actions: ['kms:GenerateDataKey'],
      resources: [key.keyArn],
      conditions: vaultKeyContext,
    }),
  ];
}

export function usesWork(
  { workBucket }: Pick<Storage, 'workBucket'>,
  prefixes: readonly string[],
): PolicyStatement[] {
  return [
    ...readsWork({ workBucket }, prefixes),
    new PolicyStatement({
      sid: 'WriteWork',
      actions: ['s3:PutObject'],
      resources: prefixes.map((prefix) => workBucket.arnForObjects(prefix)),
      conditions: ownAccount,
    }),
  ];
}

export function readsWork(
  { workBucket }: Pick<Storage, 'workBucket'>,
  prefixes: readonly string[],
): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'ReadWork',
      actions: ['s3:GetObject'],
      resources: prefixes.map((prefix) => workBucket.arnForObjects(prefix)),
      conditions: ownAccount,
    }),
    // Without it a missing object reads as "access denied".
    new PolicyStatement({ sid: 'ListWork', actions: ['s3:ListBucket'], resources: [workBucket.bucketArn] }),
  ];
}

/** Reading the catalog by key and by its two indexes; never scanning it. */
export function readsCatalog({ catalog }: Pick<Storage, 'catalog'>): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'ReadCatalog',
      actions: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'],
      resources: [catalog.tableArn, `${catalog.tableArn}/index/GSI1`, `${catalog.tableArn}/index/GSI2`],
    }),
  ];
}

export function usesCatalog({ catalog }: Pick<Storage, 'catalog'>): PolicyStatement[] {
  return [
    ...readsCatalog({ catalog }),
    new PolicyStatement({
      sid: 'WriteCatalog',
      actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
      resources: [catalog.tableArn],
    }),
  ];
}

/**
 * Closing runs: changing what the catalog has of runs and of resources. A resource's points lie beside it, but not holds,
 * packs and restores.
 */
export function closesRuns({ catalog }: Pick<Storage, 'catalog'>): PolicyStatement {
  return new PolicyStatement({
    sid: 'CloseRuns',
    actions: ['dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
    resources: [catalog.tableArn],
    conditions: {
      // All values of no key are like anything.
      Null: { 'dynamodb:LeadingKeys': 'false' },
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['RUN#*', 'RES#*'] },
    },
  });
}

export function usesChunkIndex({ chunkIndex }: Pick<Storage, 'chunkIndex'>): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'UseChunkIndex',
      actions: ['dynamodb:BatchGetItem', 'dynamodb:BatchWriteItem'],
      resources: [chunkIndex.tableArn],
    }),
  ];
}

/** Taking swept chunks out of the index. */
export function forgetsChunks({ chunkIndex }: Pick<Storage, 'chunkIndex'>): PolicyStatement {
  return new PolicyStatement({
    sid: 'ForgetChunks',
    actions: ['dynamodb:DeleteItem'],
    resources: [chunkIndex.tableArn],
  });
}

/** Publishing Holdfast's own metrics, and no others. */
export function putsMetrics(namespace: string): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'PutMetrics',
      actions: ['cloudwatch:PutMetricData'],
      resources: ['*'],
      conditions: { StringEquals: { 'cloudwatch:namespace': namespace } },
    }),
  ];
}
