import {
  DynamoCatalog,
  Ec2Images,
  makeAuditServices,
  makeDynamoClient,
  makeEc2Clients,
  makeS3Clients,
} from '@holdfast/aws';
import { AuditLog } from '@holdfast/engine';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../maintenance/expire-points.ts';

const env = Env.parse(process.env);
const services = makeAuditServices(makeS3Clients(), {
  vaultBucket: env.VAULT_BUCKET,
  lockMode: env.LOCK_MODE,
});
const { store, clock, random } = services;

export const handler = makeHandler({
  store,
  audit: new AuditLog(services),
  catalog: new DynamoCatalog(makeDynamoClient(), env.CATALOG_TABLE, clock, random),
  images: new Ec2Images(makeEc2Clients()),
  log: makeLogger('expire-points'),
});
