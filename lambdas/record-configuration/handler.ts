import { makeAuditServices, makeS3Clients } from '@holdfast/aws';
import { makeLogger } from '../shared/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

const env = Env.parse(process.env);

export const handler = makeHandler({
  ...makeAuditServices(makeS3Clients(), { vaultBucket: env.VAULT_BUCKET, lockMode: env.LOCK_MODE }),
  configuration: env.CONFIGURATION,
  log: makeLogger('record-configuration'),
});
