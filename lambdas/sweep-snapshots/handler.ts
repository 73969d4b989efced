import {
  DynamoCatalog,
  Ec2Images,
  makeDynamoClient,
  makeEc2Clients,
  SystemClock,
  SystemRandom,
} from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../maintenance/sweep-snapshots.ts';

const env = Env.parse(process.env);
const clock = new SystemClock();

export const handler = makeHandler({
  catalog: new DynamoCatalog(makeDynamoClient(), env.CATALOG_TABLE, clock, new SystemRandom()),
  images: new Ec2Images(makeEc2Clients()),
  clock,
  log: makeLogger('sweep-snapshots'),
});
