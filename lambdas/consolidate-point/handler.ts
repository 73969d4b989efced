import { makeDynamoClient, makeKmsClient, makeS3Clients, makeWriteServices } from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { openVaultOnce } from '../runtime/open-vault-once.ts';
import { Env } from './env.ts';
import { makeHandler } from '../protect/consolidate-point.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), kms: makeKmsClient() };
const services = makeWriteServices(clients, {
  vaultBucket: env.VAULT_BUCKET,
  kmsKeyArn: env.KMS_KEY_ARN,
  workBucket: env.WORK_BUCKET,
  catalogTable: env.CATALOG_TABLE,
  chunkIndexTable: env.CHUNK_INDEX_TABLE,
  lockMode: env.LOCK_MODE,
});

export const handler = makeHandler({
  services,
  openKeys: openVaultOnce(services),
  log: makeLogger('consolidate-point'),
});
