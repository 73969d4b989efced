import { Aws } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { allow } from '../functions/exact-policy.ts';

/** The stores that hold backups, and those that go with them. */
export interface Storage {
  readonly vault: IBucket;
  /** Shard lists and results of workers; nothing in it is needed for a restore. */
  readonly workBucket: IBucket;
  readonly catalog: ITable;
  readonly chunkIndex: ITable;
  readonly key: IKey;
  readonly trail: { readonly log: IBucket };
}

/** Condition beside a wildcard that repeats the account of the ARN. Not every service tells IAM whose a resource is. */
export const accountOfArn = { StringEqualsIfExists: { 'aws:ResourceAccount': Aws.ACCOUNT_ID } };

// Object names cannot be listed in a policy, so every statement over objects is bound to this account's buckets:
// a bucket of the same name that somebody else made after ours was deleted is out of reach.
export const ownAccount = { StringEquals: { 'aws:ResourceAccount': Aws.ACCOUNT_ID } };
const vaultKeyContext = { Null: { 'kms:EncryptionContext:holdfast:vault': 'false' } };

function objectsOf(bucket: IBucket, prefixes: readonly string[]): string[] {
  return prefixes.map((prefix) => bucket.arnForObjects(prefix));
}

/** Reading backups: objects of the vault, all versions, and the key that opens them. */
export function readsVault(storage: Pick<Storage, 'vault' | 'key'>): PolicyStatement[] {
  return [
    ...readsSealed(storage),
    allow('UnwrapVaultKeys', ['kms:Decrypt'], [storage.key.keyArn], vaultKeyContext),
  ];
}

/** Reading objects of the vault as they lie there: locks, the audit log, and what nobody can open without the key. */
export function readsSealed({ vault }: Pick<Storage, 'vault'>): PolicyStatement[] {
  return [
    allow(
      'ReadVault',
      ['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectRetention'],
      [vault.arnForObjects('*')],
      ownAccount,
    ),
    listsVault({ vault }),
  ];
}

/** Seeing which objects the vault has, and its clock. */
export function listsVault({ vault }: Pick<Storage, 'vault'>): PolicyStatement {
  return allow('ListVault', ['s3:ListBucket', 's3:ListBucketVersions'], [vault.bucketArn]);
}

/** Writing new objects under some prefixes of the vault, and extending locks anywhere in it. Never deleting. */
export function writesVault(
  { vault }: Pick<Storage, 'vault'>,
  prefixes: readonly string[],
): PolicyStatement[] {
  return [
    allow('WriteVault', ['s3:PutObject', 's3:AbortMultipartUpload'], objectsOf(vault, prefixes), ownAccount),
    extendsLocks({ vault }),
  ];
}

/** Adding to the audit log. Its entries arrive locked, for which S3 asks for the right to set locks, too. */
export function writesAuditLog({ vault }: Pick<Storage, 'vault'>): PolicyStatement {
  return allow(
    'WriteAuditLog',
    ['s3:PutObject', 's3:PutObjectRetention'],
    [vault.arnForObjects('audit/*')],
    ownAccount,
  );
}

/** Putting S3's legal hold on roots and containers. Never taking it away. */
export function holdsPoints({ vault }: Pick<Storage, 'vault'>): PolicyStatement {
  return allow('HoldPoints', ['s3:PutObjectLegalHold'], objectsOf(vault, ['points/*', 'containers/*']), {
    StringEquals: { ...ownAccount.StringEquals, 's3:object-lock-legal-hold': 'ON' },
  });
}

/** Making containers in an archive class readable for some days. */
export function thawsContainers({ vault }: Pick<Storage, 'vault'>): PolicyStatement {
  return allow('ThawContainers', ['s3:RestoreObject'], [vault.arnForObjects('containers/*')], ownAccount);
}

/** Moving locks to later dates, anywhere in the vault. */
export function extendsLocks({ vault }: Pick<Storage, 'vault'>): PolicyStatement {
  return allow('ExtendLocks', ['s3:PutObjectRetention'], [vault.arnForObjects('*')], ownAccount);
}

/** Seeing whether S3's legal hold is on; without it, reading a version's state leaves that out. */
export function seesHolds({ vault }: Pick<Storage, 'vault'>, prefixes: readonly string[]): PolicyStatement {
  return allow('SeeHolds', ['s3:GetObjectLegalHold'], objectsOf(vault, prefixes), ownAccount);
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
    allow('RemoveVersions', ['s3:DeleteObjectVersion'], objectsOf(vault, prefixes), ownAccount),
    seesHolds({ vault }, prefixes),
    allow('EndHolds', ['s3:PutObjectLegalHold'], objectsOf(vault, prefixes), {
      StringEquals: { ...ownAccount.StringEquals, 's3:object-lock-legal-hold': 'OFF' },
    }),
  ];
}

export function createsVaultKeys({ key }: Pick<Storage, 'key'>): PolicyStatement[] {
  return [allow('WrapVaultKeys', ['kms:GenerateDataKey'], [key.keyArn], vaultKeyContext)];
}

export function usesWork(
  { workBucket }: Pick<Storage, 'workBucket'>,
  prefixes: readonly string[],
): PolicyStatement[] {
  return [
    ...readsWork({ workBucket }, prefixes),
    allow('WriteWork', ['s3:PutObject'], objectsOf(workBucket, prefixes), ownAccount),
  ];
}

export function readsWork(
  { workBucket }: Pick<Storage, 'workBucket'>,
  prefixes: readonly string[],
): PolicyStatement[] {
  return [
    allow('ReadWork', ['s3:GetObject'], objectsOf(workBucket, prefixes), ownAccount),
    // Without it a missing object reads as "access denied".
    allow('ListWork', ['s3:ListBucket'], [workBucket.bucketArn]),
  ];
}

/** Reading the catalog by key and by its two indexes; never scanning it. */
export function readsCatalog({ catalog }: Pick<Storage, 'catalog'>): PolicyStatement[] {
  return [
    allow(
      'ReadCatalog',
      ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'],
      [catalog.tableArn, `${catalog.tableArn}/index/GSI1`, `${catalog.tableArn}/index/GSI2`],
    ),
  ];
}

export function usesCatalog({ catalog }: Pick<Storage, 'catalog'>): PolicyStatement[] {
  return [
    ...readsCatalog({ catalog }),
    allow(
      'WriteCatalog',
      ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
      [catalog.tableArn],
    ),
  ];
}

/** Reading and replacing the records that workers share; no other row of the catalog's table. */
export function sharesRecords({ catalog }: Pick<Storage, 'catalog'>): PolicyStatement {
  return allow('ShareRecords', ['dynamodb:GetItem', 'dynamodb:PutItem'], [catalog.tableArn], {
    // All values of no key are like anything.
    Null: { 'dynamodb:LeadingKeys': 'false' },
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['SHARED#*'] },
  });
}

/** Reporting on the progress of work; no other row of the catalog's table. */
export function reportsProgress({ catalog }: Pick<Storage, 'catalog'>): PolicyStatement {
  return allow('ReportProgress', ['dynamodb:PutItem'], [catalog.tableArn], {
    // All values of no key are like anything.
    Null: { 'dynamodb:LeadingKeys': 'false' },
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['PROGRESS#*'] },
  });
}

/**
 * Closing runs: changing what the catalog has of runs and of resources. A resource's points lie beside it, but not holds,
 * packs and restores.
 */
export function closesRuns({ catalog }: Pick<Storage, 'catalog'>): PolicyStatement {
  return allow('CloseRuns', ['dynamodb:UpdateItem', 'dynamodb:DeleteItem'], [catalog.tableArn], {
    // All values of no key are like anything.
    Null: { 'dynamodb:LeadingKeys': 'false' },
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['RUN#*', 'RES#*'] },
  });
}

export function usesChunkIndex({ chunkIndex }: Pick<Storage, 'chunkIndex'>): PolicyStatement[] {
  return [
    allow('UseChunkIndex', ['dynamodb:BatchGetItem', 'dynamodb:BatchWriteItem'], [chunkIndex.tableArn]),
  ];
}

/** Taking swept chunks out of the index. */
export function forgetsChunks({ chunkIndex }: Pick<Storage, 'chunkIndex'>): PolicyStatement {
  return allow('ForgetChunks', ['dynamodb:DeleteItem'], [chunkIndex.tableArn]);
}

/** Publishing Holdfast's own metrics, and no others. */
export function putsMetrics(namespace: string): PolicyStatement[] {
  return [
    allow('PutMetrics', ['cloudwatch:PutMetricData'], ['*'], {
      StringEquals: { 'cloudwatch:namespace': namespace },
    }),
  ];
}
