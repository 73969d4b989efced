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
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../cycle/report-cycle.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), cloudWatch: makeCloudWatchClient() };

export const handler = makeHandler({
  catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, new SystemClock(), new SystemRandom()),
  work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
  metrics: new CloudWatchMetrics(clients.cloudWatch, env.METRICS_NAMESPACE),
  log: makeLogger('report-cycle'),
});
