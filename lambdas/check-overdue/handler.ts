import {
  CloudWatchMetrics,
  DynamoCatalog,
  makeCloudWatchClient,
  makeDynamoClient,
  makeEc2Clients,
  makeS3Clients,
  makeStepFunctionsClient,
  makeTaggingClient,
  S3WorkStore,
  StateMachine,
  SystemClock,
  SystemRandom,
  TaggedResources,
} from '@holdfast/aws';
import { configuredHandler } from '../runtime/configured-handler.ts';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../watch/check-overdue.ts';

const env = Env.parse(process.env);
const clients = {
  ...makeS3Clients(),
  ...makeEc2Clients(),
  dynamo: makeDynamoClient(),
  tagging: makeTaggingClient(),
  cloudWatch: makeCloudWatchClient(),
};
const clock = new SystemClock();

export const handler = configuredHandler(clients.s3, env.CONFIGURATION, (configuration) =>
  makeHandler({
    plans: configuration.plans,
    tagged: new TaggedResources(clients, configuration.tagKey),
    catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, clock, new SystemRandom()),
    work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
    metrics: new CloudWatchMetrics(clients.cloudWatch, env.METRICS_NAMESPACE),
    maintenance: new StateMachine(makeStepFunctionsClient(), env.MAINTENANCE_MACHINE_ARN),
    clock,
    log: makeLogger('check-overdue'),
  }),
);
