import { makeDynamoClient, makeKmsClient, makeCatalogServices, makeS3Clients } from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { openVaultOnce } from '../runtime/open-vault-once.ts';
import { Env } from './env.ts';
import { makeHandler } from '../maintenance/reconcile-points.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), kms: makeKmsClient() };
const services = makeCatalogServices(clients, {
  vaultBucket: env.VAULT_BUCKET,
  kmsKeyArn: env.KMS_KEY_ARN,
  catalogTable: env.CATALOG_TABLE,
});

export const handler = makeHandler({
  store: services.store,
  catalog: services.catalog,
  openKeys: openVaultOnce(services),
  log: makeLogger('reconcile-points'),
});
