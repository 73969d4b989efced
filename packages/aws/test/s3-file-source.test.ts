import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, expect, test } from 'vitest';
import {
  NotSupportedError,
  type SourceEntry,
  SourceUnavailableError,
  StoreUnavailableError,
  utf8,
} from '@holdfast/engine';
import { allOf, FakeClock, SeededRandom } from '@holdfast/engine/testing';
import { S3FileSource } from '../src/sources/s3-file-source.ts';
import { sdkError } from './sdk-failures.ts';

const s3 = mockClient(S3Client);
afterAll(() => s3.restore());
const client = new S3Client({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
const source = new S3FileSource(client, 'photos', new FakeClock(), new SeededRandom());

beforeEach(() => {
  s3.reset();
});

test('goes through all pages and undoes the encoding of keys', async () => {
  s3.on(ListObjectsV2Command)
    .resolvesOnce({ Contents: [{ Key: 'a+b%0A' }], IsTruncated: true, NextContinuationToken: 'next' })
    .resolvesOnce({ Contents: [{ Key: '%C3%A4' }] });

  const listed = await allOf(source.list({}));

  expect(listed.map((entry) => Buffer.from(entry.path).toString())).toEqual(['a b\n', 'ä']);
  expect(s3.commandCalls(ListObjectsV2Command)[1]?.args[0].input.ContinuationToken).toBe('next');
});

test('puts the keys of a page into the order of their bytes', async () => {
  s3.on(ListObjectsV2Command).resolvesOnce({
    Contents: [{ Key: '%C3%A4' }, { Key: 'a' }, { Key: 'c' }],
  });

  const listed = await allOf(source.list({ to: utf8('ä') }));

  expect(listed.map((entry) => Buffer.from(entry.path).toString())).toEqual(['a', 'c']);
});

test('refuses a bucket that lists a key behind the page it belongs into', async () => {
  s3.on(ListObjectsV2Command)
    .resolvesOnce({
      Contents: [{ Key: 'a' }, { Key: '%C3%A4' }],
      IsTruncated: true,
      NextContinuationToken: 'n',
    })
    .resolvesOnce({ Contents: [{ Key: 'b' }] });

  const listing = allOf(source.list({}));

  await expect(listing).rejects.toBeInstanceOf(NotSupportedError);
  await expect(listing).rejects.toThrow('bucket photos lists "b" after "ä"');
});

test('stops asking for pages when a range ends', async () => {
  s3.on(ListObjectsV2Command).resolves({
    Contents: [{ Key: 'a' }, { Key: 'c' }],
    IsTruncated: true,
    NextContinuationToken: 'next',
  });

  await allOf(source.list({ to: utf8('b') }));

  expect(s3.commandCalls(ListObjectsV2Command)).toHaveLength(1);
});

test.each([
  { error: sdkError('NoSuchBucket', 404), expected: SourceUnavailableError, says: /photos does not exist/ },
  { error: sdkError('AccessDenied', 403), expected: SourceUnavailableError, says: /photos.*s3:ListBucket/ },
  { error: sdkError('PermanentRedirect', 301), expected: SourceUnavailableError, says: /photos.*region/ },
  { error: sdkError('SlowDown', 503), expected: StoreUnavailableError, says: /photos/ },
])('a bucket whose listing fails with $error.name is reported', async ({ error, expected, says }) => {
  s3.on(ListObjectsV2Command).rejects(error);

  const listing = allOf(source.list({}));

  await expect(listing).rejects.toBeInstanceOf(expected);
  await expect(listing).rejects.toThrow(says);
});

test('a bucket that may not be asked for the time is reported like one that may not be listed', async () => {
  s3.on(HeadBucketCommand).rejects(sdkError('AccessDenied', 403));

  await expect(source.now()).rejects.toThrow(/photos may not be read; allow s3:ListBucket/);
});

test('asks for tags only where there are some, and for those of the version that it opened', async () => {
  const entry: SourceEntry = {
    path: utf8('k'),
    kind: 'object',
    size: 0,
    modifiedMs: 0,
    changeToken: '"e"',
    attributes: {},
    userMetadata: {},
    tags: {},
  };
  s3.on(GetObjectCommand).resolvesOnce({ VersionId: 'v' }).resolvesOnce({ VersionId: 'v', TagCount: 1 });
  s3.on(GetObjectTaggingCommand).resolves({ TagSet: [{ Key: 'a', Value: 'b' }] });

  expect((await source.open(entry)).entry.tags).toEqual({});
  expect(s3.commandCalls(GetObjectTaggingCommand)).toHaveLength(0);
  expect((await source.open(entry)).entry.tags).toEqual({ a: 'b' });
  expect(s3.commandCalls(GetObjectTaggingCommand)[0]?.args[0].input.VersionId).toBe('v');
});
