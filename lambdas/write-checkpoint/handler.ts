import { makeS3Clients, S3ObjectStore, SystemClock, SystemRandom } from '@holdfast/aws';
import { makeLogger } from '../shared/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

const env = Env.parse(process.env);
const clock = new SystemClock();

export const handler = makeHandler({
  store: new S3ObjectStore(makeS3Clients(), env.VAULT_BUCKET, clock),
  clock,
  random: new SystemRandom(),
  lockMode: env.LOCK_MODE,
  log: makeLogger('write-checkpoint'),
});
