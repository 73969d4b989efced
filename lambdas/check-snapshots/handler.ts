import { DynamoCatalog, Ec2Images, makeClients, S3WorkStore, SystemClock, SystemRandom } from '@holdfast/aws';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

const env = Env.parse(process.env);
const clients = makeClients();
const clock = new SystemClock();

export const handler = makeHandler({
  services: {
    work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
    catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, clock, new SystemRandom()),
    clock,
  },
  images: new Ec2Images(clients),
});
