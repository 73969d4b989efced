import { Ec2Images, makeEc2Clients, makeS3Clients, S3WorkStore, SystemClock } from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../restore/restore-volumes.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), ...makeEc2Clients() };

export const handler = makeHandler({
  images: new Ec2Images(clients),
  work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
  clock: new SystemClock(),
  log: makeLogger('restore-volumes'),
});
