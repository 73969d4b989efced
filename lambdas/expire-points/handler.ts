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
import { AuditLog } from '@holdfast/engine';
import { makeLogger } from '../shared/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

const env = Env.parse(process.env);
const clock = new SystemClock();
const random = new SystemRandom();
const store = new S3ObjectStore(makeS3Clients(), env.VAULT_BUCKET, clock);

export const handler = makeHandler({
  store,
  audit: new AuditLog({ store, clock, random, lockMode: env.LOCK_MODE }),
  catalog: new DynamoCatalog(makeDynamoClient(), env.CATALOG_TABLE, clock, random),
  images: new Ec2Images(makeEc2Clients()),
  log: makeLogger('expire-points'),
});
