import {
  DynamoCatalog,
  makeDynamoClient,
  makeS3Clients,
  makeStepFunctionsClient,
  S3ObjectStore,
  S3WorkStore,
  StateMachine,
  SystemClock,
  SystemRandom,
} from '@holdfast/aws';
import { configuredHandler } from '../runtime/configured-handler.ts';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../maintenance/start-containers.ts';

const env = Env.parse(process.env);
const clients = makeS3Clients();
const clock = new SystemClock();

export const handler = configuredHandler(clients.s3, env.CONFIGURATION, (configuration) =>
  makeHandler({
    store: new S3ObjectStore(clients, env.VAULT_BUCKET, clock),
    catalog: new DynamoCatalog(makeDynamoClient(), env.CATALOG_TABLE, clock, new SystemRandom()),
    work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
    plans: configuration.plans,
    protect: new StateMachine(makeStepFunctionsClient(), env.PROTECT_MACHINE_ARN),
    log: makeLogger('start-containers'),
  }),
);
