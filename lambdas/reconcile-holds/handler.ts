import { makeDynamoClient, makeKmsClient, makeCatalogServices, makeS3Clients } from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { openVaultOnce } from '../runtime/open-vault-once.ts';
import { Env } from './env.ts';
import { makeHandler } from '../maintenance/reconcile-holds.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), kms: makeKmsClient() };
const services = makeCatalogServices(clients, {
  vaultBucket: env.VAULT_BUCKET,
  kmsKeyArn: env.KMS_KEY_ARN,
  catalogTable: env.CATALOG_TABLE,
});

export const handler = makeHandler({
  services: { ...services, lockMode: env.LOCK_MODE },
  openKeys: openVaultOnce(services),
  log: makeLogger('reconcile-holds'),
});
