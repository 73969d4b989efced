import {
  checkTargetBucket,
  Ec2Images,
  makeDynamoClient,
  makeEc2Clients,
  makeKmsClient,
  makeCatalogServices,
  makeS3Clients,
  S3WorkStore,
} from '@holdfast/aws';
import { AuditLog } from '@holdfast/engine';
import { configuredHandler } from '../runtime/configured-handler.ts';
import { makeLogger } from '../runtime/logger.ts';
import { openVaultOnce } from '../runtime/open-vault-once.ts';
import { Env } from './env.ts';
import { makeHandler } from '../restore/plan-restore.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), ...makeEc2Clients(), dynamo: makeDynamoClient(), kms: makeKmsClient() };
const services = makeCatalogServices(clients, {
  vaultBucket: env.VAULT_BUCKET,
  kmsKeyArn: env.KMS_KEY_ARN,
  catalogTable: env.CATALOG_TABLE,
});

export const handler = configuredHandler(clients.s3, env.CONFIGURATION, (configuration) =>
  makeHandler({
    ...services,
    audit: new AuditLog({ ...services, lockMode: env.LOCK_MODE }),
    work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
    openKeys: openVaultOnce(services),
    images: new Ec2Images(clients),
    checkBucket: async (bucket) => checkTargetBucket(clients.s3, bucket),
    vaultBucket: env.VAULT_BUCKET,
    workBucket: env.WORK_BUCKET,
    targetBuckets: configuration.restoreTargets.buckets,
    region: env.AWS_REGION,
    workers: configuration.restoreWorkers,
    log: makeLogger('plan-restore'),
  }),
);
