import { makeAuditServices, makeS3Clients, S3WorkStore } from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../maintenance/write-checkpoint.ts';

const env = Env.parse(process.env);
const clients = makeS3Clients();

export const handler = makeHandler({
  ...makeAuditServices(clients, { vaultBucket: env.VAULT_BUCKET, lockMode: env.LOCK_MODE }),
  work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
  log: makeLogger('write-checkpoint'),
});
