import { makeDynamoClient, makeKmsClient, makeS3Clients, makeWriteServices, openSource } from '@holdfast/aws';
import { withOfflineRecipient } from '@holdfast/engine';
import { configuredHandler } from '../runtime/configured-handler.ts';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../protect/open-run.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), kms: makeKmsClient() };
const stored = makeWriteServices(clients, {
  vaultBucket: env.VAULT_BUCKET,
  kmsKeyArn: env.KMS_KEY_ARN,
  workBucket: env.WORK_BUCKET,
  catalogTable: env.CATALOG_TABLE,
  lockMode: env.LOCK_MODE,
});

export const handler = configuredHandler(clients.s3, env.CONFIGURATION, ({ plans, offlineRecipient }) => {
  const keyring =
    offlineRecipient === undefined
      ? stored.keyring
      : withOfflineRecipient(stored.keyring, offlineRecipient.publicKey);
  const services = { ...stored, keyring };
  return makeHandler({
    services,
    plans,
    openSource: (resource, plan) => openSource({ ...services, s3: clients.s3 }, resource, plan),
    log: makeLogger('open-run'),
  });
});
