import { makeAuditServices, makeS3Clients } from '@holdfast/aws';
import { configuredHandler } from '../runtime/configured-handler.ts';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../cycle/record-configuration.ts';

const env = Env.parse(process.env);
const clients = makeS3Clients();

export const handler = configuredHandler(clients.s3, env.CONFIGURATION, (configuration) =>
  makeHandler({
    ...makeAuditServices(clients, { vaultBucket: env.VAULT_BUCKET, lockMode: env.LOCK_MODE }),
    configuration,
    log: makeLogger('record-configuration'),
  }),
);
