import { makeDynamoClient, makeKmsClient, makeS3Clients, makeWriteServices } from '@holdfast/aws';
import { configuredHandler } from '../shared/configured-handler.ts';
import { makeLogger } from '../shared/logger.ts';
import { openVaultOnce } from '../shared/open-vault-once.ts';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

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
