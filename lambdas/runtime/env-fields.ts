import * as z from 'zod';

const Name = z.string().min(1);

/** Variables of functions that read of the vault what needs no key. */
export const vaultBucket = { VAULT_BUCKET: Name } as const;

/** Variables of functions that read backups. */
export const vaultReader = { ...vaultBucket, KMS_KEY_ARN: Name } as const;

/** The mode of locks that are set. */
export const lockMode = { LOCK_MODE: z.enum(['governance', 'compliance']) } as const;

/** Variables of functions that write to the vault or extend locks in it. */
export const vaultWriter = { ...vaultReader, ...lockMode } as const;

export const workBucket = { WORK_BUCKET: Name } as const;

export const catalog = { CATALOG_TABLE: Name } as const;

export const chunkIndex = { CHUNK_INDEX_TABLE: Name } as const;

export const metrics = { METRICS_NAMESPACE: Name } as const;

/** Where the deployed configuration is, as `s3://…`. */
export const configuration = { CONFIGURATION: z.string().startsWith('s3://') } as const;
