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
import { Env } from './env.ts';
import { makeHandler } from '../image/check-snapshots.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), ...makeEc2Clients(), dynamo: makeDynamoClient() };
const clock = new SystemClock();

export const handler = makeHandler({
  services: {
    work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
    catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, clock, new SystemRandom()),
    clock,
  },
  images: new Ec2Images(clients),
});
