import { Aws } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';

/** What holds backups, and what goes with it. */
export interface Storage {
  readonly vault: IBucket;
  /** Shard lists and results of workers; nothing in it is needed for a restore. */
  readonly workBucket: IBucket;
  readonly catalog: ITable;
  readonly chunkIndex: ITable;
  readonly key: IKey;
}

// Object names cannot be listed in a policy, so every statement over objects is bound to this account's buckets:
// a bucket of the same name that somebody else made after ours was deleted is out of reach.
const ownAccount = { StringEquals: { 'aws:ResourceAccount': Aws.ACCOUNT_ID } };
const vaultKeyContext = { Null: { 'kms:EncryptionContext:holdfast:vault': 'false' } };

/** Reading objects of the vault, all versions, and its key. */
export function readsVault({ vault, key }: Pick<Storage, 'vault' | 'key'>): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'ReadVault',
      actions: ['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectRetention'],
      resources: [vault.arnForObjects('*')],
      conditions: ownAccount,
    }),
    listsVault({ vault }),
    new PolicyStatement({
      sid: 'UnwrapVaultKeys',
      actions: ['kms:Decrypt'],
      resources: [key.keyArn],
      conditions: vaultKeyContext,
    }),
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
      actions: ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
      resources: prefixes.map((prefix) => vault.arnForObjects(prefix)),
      conditions: ownAccount,
    }),
    new PolicyStatement({
      sid: 'ExtendLocks',
      actions: ['s3:PutObjectRetention'],
      resources: [vault.arnForObjects('*')],
      conditions: ownAccount,
    }),
  ];
}

/** Making the data keys of a new vault. */
export function createsVaultKeys({ key }: Pick<Storage, 'key'>): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'WrapVaultKeys',
      actions: ['kms:Encrypt', 'kms:GenerateDataKey', 'kms:GenerateDataKeyWithoutPlaintext'],
      resources: [key.keyArn],
      conditions: vaultKeyContext,
    }),
  ];
}

/** Reading and writing working files under some prefixes. */
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

/** Reading working files under some prefixes. */
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

/** Reading and writing the catalog. */
export function usesCatalog({ catalog }: Pick<Storage, 'catalog'>): PolicyStatement[] {
  return [
    ...readsCatalog({ catalog }),
    new PolicyStatement({
      sid: 'WriteCatalog',
      actions: [
        'dynamodb:PutItem',
        'dynamodb:UpdateItem',
        'dynamodb:DeleteItem',
        'dynamodb:BatchWriteItem',
        'dynamodb:ConditionCheckItem',
      ],
      resources: [catalog.tableArn],
    }),
  ];
}

/** Looking chunks up and recording them. */
export function usesChunkIndex({ chunkIndex }: Pick<Storage, 'chunkIndex'>): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'UseChunkIndex',
      actions: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:PutItem', 'dynamodb:BatchWriteItem'],
      resources: [chunkIndex.tableArn],
    }),
  ];
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
