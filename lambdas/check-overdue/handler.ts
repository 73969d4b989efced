import {
  CloudWatchMetrics,
  DynamoCatalog,
  makeClients,
  SystemClock,
  SystemRandom,
  TaggedResources,
} from '@holdfast/aws';
import { makeLogger } from '../shared/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

const env = Env.parse(process.env);
const clients = makeClients();
const clock = new SystemClock();

export const handler = makeHandler({
  plans: env.PLANS,
  tagged: new TaggedResources(clients, env.TAG_KEY),
  catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, clock, new SystemRandom()),
  metrics: new CloudWatchMetrics(clients.cloudWatch, env.METRICS_NAMESPACE),
  clock,
  log: makeLogger('check-overdue'),
});
