import {
  DynamoCatalog,
  makeDynamoClient,
  makeS3Clients,
  S3ObjectStore,
  S3WorkStore,
  SystemClock,
  SystemRandom,
} from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../maintenance/plan-maintenance.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient() };
const clock = new SystemClock();

export const handler = makeHandler({
  store: new S3ObjectStore(clients, env.VAULT_BUCKET, clock),
  catalog: new DynamoCatalog(makeDynamoClient(), env.CATALOG_TABLE, clock, new SystemRandom()),
  work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
  log: makeLogger('plan-maintenance'),
});
