import { makeDynamoClient, makeKmsClient, makeS3Clients, makeWriteServices } from '@holdfast/aws';
import { configuredHandler } from '../runtime/configured-handler.ts';
import { makeLogger } from '../runtime/logger.ts';
import { openVaultOnce } from '../runtime/open-vault-once.ts';
import { Env } from './env.ts';
import { makeHandler } from '../maintenance/renew-leases.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), kms: makeKmsClient() };
const services = makeWriteServices(clients, {
  vaultBucket: env.VAULT_BUCKET,
  kmsKeyArn: env.KMS_KEY_ARN,
  workBucket: env.WORK_BUCKET,
  catalogTable: env.CATALOG_TABLE,
  lockMode: env.LOCK_MODE,
});

export const handler = configuredHandler(clients.s3, env.CONFIGURATION, (configuration) =>
  makeHandler({
    services,
    plans: configuration.plans,
    openKeys: openVaultOnce(services),
    log: makeLogger('renew-leases'),
  }),
);
