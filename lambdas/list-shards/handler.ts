import {
  DynamoCatalog,
  makeDynamoClient,
  makeS3Clients,
  openSource,
  S3WorkStore,
  SystemClock,
  SystemRandom,
} from '@holdfast/aws';
import { configuredHandler } from '../runtime/configured-handler.ts';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../protect/list-shards.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient() };
const clock = new SystemClock();
const random = new SystemRandom();

export const handler = configuredHandler(clients.s3, env.CONFIGURATION, (configuration) =>
  makeHandler({
    services: {
      work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
      catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, clock, random),
      clock,
    },
    plans: configuration.plans,
    openSource: (run, plan) =>
      openSource({ s3: clients.s3, clock, random }, { arn: run.resourceArn, kind: run.resourceKind }, plan),
    workBucket: env.WORK_BUCKET,
    log: makeLogger('list-shards'),
  }),
);
