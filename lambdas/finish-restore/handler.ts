import {
  CloudWatchMetrics,
  DynamoCatalog,
  makeCloudWatchClient,
  makeDynamoClient,
  makeS3Clients,
  S3WorkStore,
  SystemClock,
  SystemRandom,
} from '@holdfast/aws';
import { makeLogger } from '../shared/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), cloudWatch: makeCloudWatchClient() };
const clock = new SystemClock();

export const handler = makeHandler({
  catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, clock, new SystemRandom()),
  clock,
  work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
  workBucket: env.WORK_BUCKET,
  metrics: new CloudWatchMetrics(clients.cloudWatch, env.METRICS_NAMESPACE),
  log: makeLogger('finish-restore'),
});
