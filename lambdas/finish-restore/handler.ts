import {
  CloudWatchMetrics,
  DynamoCatalog,
  makeCloudWatchClient,
  makeDynamoClient,
  makeS3Clients,
  S3ObjectStore,
  S3WorkStore,
  SystemClock,
  SystemRandom,
} from '@holdfast/aws';
import { AuditLog } from '@holdfast/engine';
import { makeLogger } from '../shared/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), cloudWatch: makeCloudWatchClient() };
const clock = new SystemClock();

const random = new SystemRandom();
const store = new S3ObjectStore(clients, env.VAULT_BUCKET, clock);

export const handler = makeHandler({
  audit: new AuditLog({ store, clock, random, lockMode: env.LOCK_MODE }),
  catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, clock, random),
  clock,
  work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
  workBucket: env.WORK_BUCKET,
  metrics: new CloudWatchMetrics(clients.cloudWatch, env.METRICS_NAMESPACE),
  log: makeLogger('finish-restore'),
});
