import {
  DynamoCatalog,
  Ec2Images,
  makeDynamoClient,
  makeEc2Clients,
  makeS3Clients,
  S3WorkStore,
  SystemClock,
  SystemRandom,
} from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../image/snapshot-volumes.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), ...makeEc2Clients(), dynamo: makeDynamoClient() };
const clock = new SystemClock();
const random = new SystemRandom();

export const handler = makeHandler({
  services: {
    work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
    catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, clock, random),
    clock,
    random,
  },
  images: new Ec2Images(clients),
  log: makeLogger('snapshot-volumes'),
});
