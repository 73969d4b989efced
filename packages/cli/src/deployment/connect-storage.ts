import { KmsKeyring, makeKmsClient, makeS3Clients, S3ObjectStore, SystemClock } from '@holdfast/aws';
import type { ConnectOptions, ConnectedStorage } from './connection.ts';

/** Connects to S3 and KMS, and to nothing of a deployment. */
export function connectStorage({ region }: Pick<ConnectOptions, 'region'>): ConnectedStorage {
  const options = region === undefined ? {} : { region };
  const s3 = makeS3Clients(options);
  const kms = makeKmsClient(options);
  const clock = new SystemClock();
  return {
    openBucket: (name) => new S3ObjectStore(s3, name, clock),
    keyring: new KmsKeyring(kms),
    close: () => {
      s3.s3.destroy();
      s3.s3WithoutRetries.destroy();
      kms.destroy();
    },
  };
}
