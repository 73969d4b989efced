import {
  DynamoCatalog,
  Ec2Images,
  makeDynamoClient,
  makeEc2Clients,
  makeS3Clients,
  S3ObjectStore,
  SystemClock,
  SystemRandom,
} from '@holdfast/aws';
import { makeLogger } from '../shared/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), ...makeEc2Clients(), dynamo: makeDynamoClient() };
const clock = new SystemClock();

export const handler = makeHandler({
  store: new S3ObjectStore(clients, env.VAULT_BUCKET, clock),
  catalog: new DynamoCatalog(makeDynamoClient(), env.CATALOG_TABLE, clock, new SystemRandom()),
  images: new Ec2Images(makeEc2Clients()),
  log: makeLogger('expire-points'),
});
