import {
  CloudWatchMetrics,
  DynamoCatalog,
  makeAuditServices,
  makeCloudWatchClient,
  makeDynamoClient,
  makeS3Clients,
  S3WorkStore,
} from '@holdfast/aws';
import { AuditLog } from '@holdfast/engine';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../restore/finish-restore.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), cloudWatch: makeCloudWatchClient() };
const services = makeAuditServices(clients, { vaultBucket: env.VAULT_BUCKET, lockMode: env.LOCK_MODE });
const { clock, random } = services;

export const handler = makeHandler({
  audit: new AuditLog(services),
  catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, clock, random),
  clock,
  work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
  workBucket: env.WORK_BUCKET,
  metrics: new CloudWatchMetrics(clients.cloudWatch, env.METRICS_NAMESPACE),
  log: makeLogger('finish-restore'),
});
