import { makeKmsClient, makeReadServices, makeS3Clients } from '@holdfast/aws';
import { makeLogger } from '../shared/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

const env = Env.parse(process.env);

export const handler = makeHandler({
  ...makeReadServices(
    { ...makeS3Clients(), kms: makeKmsClient() },
    { vaultBucket: env.VAULT_BUCKET, kmsKeyArn: env.KMS_KEY_ARN },
  ),
  lockMode: env.LOCK_MODE,
  configuration: env.CONFIGURATION,
  log: makeLogger('write-checkpoint'),
});
