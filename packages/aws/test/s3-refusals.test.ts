import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import { onTestFinished, describe, expect, test } from 'vitest';
import { type SourceEntry, utf8 } from '@holdfast/engine';
import { FakeClock, SeededRandom } from '@holdfast/engine/testing';
import { checkTargetBucket } from '../src/targets/check-target-bucket.ts';
import { findExisting } from '../src/store/s3-existing-object.ts';
import { S3FileSource } from '../src/sources/s3-file-source.ts';
import { S3ObjectStore } from '../src/store/s3-object-store.ts';

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message?: string;
  readonly members?: string;
  /** Whether the object has no bytes, so that a range of it is refused before all else. */
  readonly isEmpty?: boolean;
}

/** S3 that refuses everything: with a code in the body of its answer, and so of a HEAD with nothing but the status. */
async function refusingS3({
  status,
  code,
  message = 'no reason given',
  members = '',
  isEmpty = false,
}: Refusal) {
  const calls: string[] = [];
  const server = createServer((request, response) => {
    calls.push(`${request.method} ${request.headers['range'] ?? ''}`.trim());
    if (isEmpty && request.headers['range'] !== undefined) {
      response.writeHead(416, { 'content-type': 'application/xml' });
      response.end('<Error><Code>InvalidRange</Code></Error>');
      return;
    }
    const body = `<Error><Code>${code}</Code><Message>${message}</Message>${members}</Error>`;
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(request.method === 'HEAD' ? '' : body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const s3 = new S3Client({
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forcePathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 1,
  });
  onTestFinished(() => {
    s3.destroy();
    server.close();
  });
  const store = new S3ObjectStore({ s3, s3WithoutRetries: s3 }, 'vault', new FakeClock());
  return { s3, store, calls };
}

const version = { versionId: 'v' };
const wrongVersion = '<ArgumentName>versionId</ArgumentName><ArgumentValue>v</ArgumentValue>';

describe('a version is gone only where S3 says so', () => {
  test.each([
    { status: 404, code: 'NoSuchKey' },
    { status: 404, code: 'NoSuchVersion' },
    { status: 400, code: 'InvalidArgument', message: 'Invalid version id specified', members: wrongVersion },
    { status: 405, code: 'MethodNotAllowed' },
  ])('with $code', async (refusal) => {
    const { store } = await refusingS3(refusal);

    await expect(store.head('n', version)).rejects.toMatchObject({ name: 'ObjectNotFoundError' });
    await expect(store.get('n', version)).rejects.toMatchObject({ name: 'ObjectNotFoundError' });
  });

  test.each([
    { status: 400, code: 'ExpiredToken', name: 'CredentialsRefusedError' },
    { status: 400, code: 'InvalidToken', name: 'CredentialsRefusedError' },
    { status: 400, code: 'TokenRefreshRequired', name: 'CredentialsRefusedError' },
    { status: 403, code: 'RequestTimeTooSkewed', name: 'CredentialsRefusedError' },
    { status: 403, code: 'InvalidAccessKeyId', name: 'CredentialsRefusedError' },
    { status: 403, code: 'AccessDenied', name: 'AccessDeniedError' },
    { status: 400, code: 'KMS.DisabledException', name: 'AccessDeniedError' },
    { status: 400, code: 'KMS.ThrottlingException', name: 'StoreUnavailableError' },
    {
      status: 400,
      code: 'InvalidArgument',
      members: '<ArgumentName>x-amz-acl</ArgumentName>',
      name: 'InvalidInputError',
    },
    { status: 400, code: 'InvalidRequest', name: 'InvalidInputError' },
    { status: 404, code: 'NoSuchBucket', name: 'UnknownNameError' },
  ])('not with $code, which is $name', async ({ name, ...refusal }) => {
    const { store } = await refusingS3(refusal);

    await expect(store.head('n', version)).rejects.toMatchObject({ name });
    await expect(store.get('n', version)).rejects.toMatchObject({ name });
    await expect(store.removeVersion('n', 'v')).rejects.toMatchObject({ name });
    await expect(store.setLegalHold('n', 'v', true)).rejects.toMatchObject({
      name: refusal.code === 'InvalidRequest' ? 'ObjectLockMissingError' : name,
    });
  });
});

test.each([
  { status: 403, code: 'AccessDenied', name: 'AccessDeniedError' },
  { status: 400, code: 'KMS.DisabledException', name: 'AccessDeniedError' },
  { status: 400, code: 'ExpiredToken', name: 'CredentialsRefusedError' },
])(
  'a refused HEAD of an object without a first byte is asked again for all of it ($code)',
  async (refusal) => {
    const { store, calls } = await refusingS3({ ...refusal, isEmpty: true });

    await expect(store.head('n', version)).rejects.toMatchObject({ name: refusal.name });
    await expect(store.head('n', version)).rejects.toThrow(refusal.code);

    expect(calls.slice(0, 3)).toEqual(['HEAD', 'GET bytes=0-0', 'GET']);
  },
);

test('a HEAD that is refused is asked again for its first byte', async () => {
  const { store, calls } = await refusingS3({ status: 400, code: 'ExpiredToken' });

  await store.head('n', version).catch(() => undefined);

  expect(calls).toEqual(['HEAD', 'GET bytes=0-0']);
});

describe('an expired session', () => {
  const expired = { status: 400, code: 'ExpiredToken' };
  const entry: SourceEntry = {
    path: utf8('k'),
    kind: 'object',
    size: 1,
    modifiedMs: 0,
    changeToken: '"etag"',
    attributes: {},
    userMetadata: {},
    tags: {},
  };

  test('makes no object of a source unreadable', async () => {
    const { s3 } = await refusingS3(expired);
    const source = new S3FileSource(s3, 'photos', new FakeClock(), new SeededRandom());

    await expect(source.open(entry)).rejects.toMatchObject({ name: 'CredentialsRefusedError' });
    await expect(Array.fromAsync(source.list({}))).rejects.toMatchObject({ name: 'CredentialsRefusedError' });
  });

  test('does not make a target look like one that the configuration forbids', async () => {
    const { s3 } = await refusingS3(expired);

    await expect(checkTargetBucket(s3, 'restores')).rejects.toMatchObject({
      name: 'CredentialsRefusedError',
    });
    await expect(findExisting(s3, { Bucket: 'restores', Key: 'k' }, undefined)).rejects.toMatchObject({
      name: 'ExpiredToken',
    });
  });

  test('is told from a refused question for the time', async () => {
    const { store } = await refusingS3(expired);

    await expect(store.now()).rejects.toMatchObject({ name: 'CredentialsRefusedError' });
  });
});

test('an object that is not there yet costs a restore one request', async () => {
  const { s3, calls } = await refusingS3({ status: 404, code: 'NoSuchKey' });

  expect(await findExisting(s3, { Bucket: 'restores', Key: 'k' }, undefined)).toBeUndefined();
  expect(calls).toEqual(['HEAD']);
});
