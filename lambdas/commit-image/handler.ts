import {
  Ec2Images,
  makeDynamoClient,
  makeEc2Clients,
  makeKmsClient,
  makeS3Clients,
  makeWriteServices,
} from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { openVaultOnce } from '../runtime/open-vault-once.ts';
import { Env } from './env.ts';
import { makeHandler } from '../image/commit-image.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), ...makeEc2Clients(), dynamo: makeDynamoClient(), kms: makeKmsClient() };
const services = makeWriteServices(clients, {
  vaultBucket: env.VAULT_BUCKET,
  kmsKeyArn: env.KMS_KEY_ARN,
  workBucket: env.WORK_BUCKET,
  catalogTable: env.CATALOG_TABLE,
  lockMode: env.LOCK_MODE,
});

export const handler = makeHandler({
  services,
  openKeys: openVaultOnce(services),
  images: new Ec2Images(clients),
  log: makeLogger('commit-image'),
});
