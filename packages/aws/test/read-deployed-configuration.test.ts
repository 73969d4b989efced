import { hash } from 'node:crypto';
import { GetObjectCommand, S3Client, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { AccessDeniedError, StoreUnavailableError } from '@holdfast/engine';
import { DeployedConfigurationError } from '@holdfast/engine/model';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { readDeployedConfiguration } from '../src/deployment/read-deployed-configuration.ts';
import { sdkError } from './sdk-failures.ts';

const document = {
  plans: [],
  tagKey: 'holdfast:plan',
  restoreTargets: { buckets: ['restored'], roles: [] },
  restoreWorkers: 10,
  lockMode: 'governance',
};
const s3 = mockClient(S3Client);
afterAll(() => s3.restore());

beforeEach(() => s3.reset());

/** An object of these bytes, under the name that they should have or another one. */
function put(text: string, sha256 = hash('sha256', text, 'hex')): string {
  const body = { transformToByteArray: async () => Buffer.from(text) };
  s3.on(GetObjectCommand, { Bucket: 'assets', Key: `prefix/${sha256}.json` }).resolves({
    Body: body,
  } as unknown as GetObjectCommandOutput);
  return `s3://assets/prefix/${sha256}.json`;
}

const read = async (url: string) => readDeployedConfiguration(new S3Client({ region: 'eu-west-1' }), url);

test('what was deployed is read whole, with the parts that only the audit log knows', async () => {
  expect(await read(put(JSON.stringify(document)))).toEqual(document);
});

test('a configuration that was changed after it was deployed is refused', async () => {
  const url = put(JSON.stringify({ ...document, restoreTargets: { buckets: ['mine'] } }), 'c0ffee');

  await expect(read(url)).rejects.toThrow(
    'the configuration at s3://assets/prefix/c0ffee.json was changed after it was deployed; deploy again',
  );
});

test.for(['not JSON', '{}'])(
  'a document that reads %s is refused as one of another version',
  async (text) => {
    await expect(read(put(text))).rejects.toThrow(DeployedConfigurationError);
  },
);

test.for([
  ['NoSuchKey', 404, DeployedConfigurationError],
  ['AccessDenied', 403, AccessDeniedError],
  ['SlowDown', 503, StoreUnavailableError],
] as const)('%s of S3 is told for what it is', async ([name, status, kind]) => {
  s3.on(GetObjectCommand).rejects(sdkError(name, status));

  await expect(read('s3://assets/c0ffee.json')).rejects.toThrow(kind);
});
