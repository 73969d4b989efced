import { makeDynamoClient, makeKmsClient, makeS3Clients, makeWriteServices, openSource } from '@holdfast/aws';
import { configuredHandler } from '../runtime/configured-handler.ts';
import { makeLogger } from '../runtime/logger.ts';
import { openVaultOnce } from '../runtime/open-vault-once.ts';
import { Env } from './env.ts';
import { makeHandler } from '../protect/protect-shard.ts';

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

export const handler = configuredHandler(clients.s3, env.CONFIGURATION, (configuration) =>
  makeHandler({
    services,
    openKeys: openVaultOnce(services),
    plans: configuration.plans,
    openSource: (run, plan) =>
      openSource({ ...services, s3: clients.s3 }, { arn: run.resourceArn, kind: run.resourceKind }, plan),
    log: makeLogger('protect-shard'),
  }),
);
