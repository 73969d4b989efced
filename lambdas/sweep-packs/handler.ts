import {
  DynamoChunkIndex,
  makeDynamoClient,
  makeKmsClient,
  makeCatalogServices,
  makeS3Clients,
} from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { openVaultOnce } from '../runtime/open-vault-once.ts';
import { Env } from './env.ts';
import { makeHandler } from '../maintenance/sweep-packs.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), kms: makeKmsClient() };
const services = makeCatalogServices(clients, {
  vaultBucket: env.VAULT_BUCKET,
  kmsKeyArn: env.KMS_KEY_ARN,
  catalogTable: env.CATALOG_TABLE,
});
const { clock, random } = services;

export const handler = makeHandler({
  store: services.store,
  catalog: services.catalog,
  index: new DynamoChunkIndex(clients.dynamo, env.CHUNK_INDEX_TABLE, clock, random),
  openKeys: openVaultOnce(services),
  log: makeLogger('sweep-packs'),
});
