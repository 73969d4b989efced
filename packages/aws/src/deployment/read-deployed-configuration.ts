import { hash } from 'node:crypto';
import { posix } from 'node:path';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { DeployedConfiguration, DeployedConfigurationError } from '@holdfast/engine/model';
import { errorName, toEngineError } from '../sdk/sdk-errors.ts';

/**
 * Reads the configuration that a deployment wrote down.
 * @param url - `s3://<bucket>/<folders>/<SHA-256 of the document, hex>.json`.
 * @throws {@link DeployedConfigurationError} it is gone, or its bytes are not those that its name promises.
 */
export async function readDeployedConfiguration(s3: S3Client, url: string): Promise<DeployedConfiguration> {
  const { hostname: bucket, pathname } = new URL(url);
  const bytes = await readObject(s3, bucket, pathname.slice(1), url);
  if (`${hash('sha256', bytes, 'hex')}.json` !== posix.basename(pathname))
    throw new DeployedConfigurationError(url, 'was changed after it was deployed');
  try {
    return DeployedConfiguration.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new DeployedConfigurationError(url, 'is of another version of Holdfast', { cause });
  }
}

async function readObject(s3: S3Client, bucket: string, key: string, url: string): Promise<Uint8Array> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return (await Body?.transformToByteArray()) ?? new Uint8Array();
  } catch (error) {
    if (['NoSuchKey', 'NoSuchBucket'].includes(errorName(error)))
      throw new DeployedConfigurationError(url, 'is gone', { cause: error });
    throw toEngineError(error, `reading the configuration at ${url}`);
  }
}
