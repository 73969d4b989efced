import { makeKmsClient, makeReadServices, makeS3Clients, S3RestoreTarget, S3WorkStore } from '@holdfast/aws';
import { configuredHandler } from '../runtime/configured-handler.ts';
import { makeLogger } from '../runtime/logger.ts';
import { openVaultOnce } from '../runtime/open-vault-once.ts';
import { Env } from './env.ts';
import { makeHandler } from '../restore/restore-shard.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), kms: makeKmsClient() };
const services = makeReadServices(clients, { vaultBucket: env.VAULT_BUCKET, kmsKeyArn: env.KMS_KEY_ARN });

export const handler = configuredHandler(clients.s3, env.CONFIGURATION, (configuration) =>
  makeHandler({
    store: services.store,
    work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
    openKeys: openVaultOnce(services),
    openTarget: (bucket, prefix) => new S3RestoreTarget(clients.s3, bucket, { prefix }),
    targetBuckets: configuration.restoreTargets.buckets,
    log: makeLogger('restore-shard'),
  }),
);
