import {
  DynamoCatalog,
  makeDynamoClient,
  makeKmsClient,
  makeReadServices,
  makeS3Clients,
} from '@holdfast/aws';
import { makeLogger } from '../shared/logger.ts';
import { openVaultOnce } from '../shared/open-vault-once.ts';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), kms: makeKmsClient() };
const services = makeReadServices(clients, { vaultBucket: env.VAULT_BUCKET, kmsKeyArn: env.KMS_KEY_ARN });

export const handler = makeHandler({
  services: {
    ...services,
    catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, services.clock, services.random),
    lockMode: env.LOCK_MODE,
  },
  openKeys: openVaultOnce(services),
  log: makeLogger('reconcile-holds'),
});
