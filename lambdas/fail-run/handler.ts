import {
  CloudWatchMetrics,
  DynamoCatalog,
  makeCloudWatchClient,
  makeDynamoClient,
  SystemClock,
  SystemRandom,
} from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../protect/fail-run.ts';

const env = Env.parse(process.env);
const clients = { dynamo: makeDynamoClient(), cloudWatch: makeCloudWatchClient() };
const clock = new SystemClock();

export const handler = makeHandler({
  catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, clock, new SystemRandom()),
  clock,
  metrics: new CloudWatchMetrics(clients.cloudWatch, env.METRICS_NAMESPACE),
  log: makeLogger('fail-run'),
});
