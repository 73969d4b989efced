import { makeDynamoClient, makeKmsClient, makeS3Clients, makeWriteServices, openSource } from '@holdfast/aws';
import { withOfflineRecipient, type WriteServices } from '@holdfast/engine';
import { makeLogger } from '../shared/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), kms: makeKmsClient() };
const services = withRecipient(
  makeWriteServices(clients, {
    vaultBucket: env.VAULT_BUCKET,
    kmsKeyArn: env.KMS_KEY_ARN,
    workBucket: env.WORK_BUCKET,
    catalogTable: env.CATALOG_TABLE,
    lockMode: env.LOCK_MODE,
  }),
);

function withRecipient(made: WriteServices): WriteServices {
  const { OFFLINE_PUBLIC_KEY: publicKey } = env;
  return publicKey === undefined ? made : { ...made, keyring: withOfflineRecipient(made.keyring, publicKey) };
}

export const handler = makeHandler({
  services,
  plans: env.PLANS,
  openSource: (resource, plan) => openSource({ ...services, s3: clients.s3 }, resource, plan),
  log: makeLogger('open-run'),
});
