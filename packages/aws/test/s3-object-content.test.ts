import { GetObjectCommand, type GetObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { type SourceEntry, SourceEntryError, StoreUnavailableError, utf8 } from '@holdfast/engine';
import { FakeClock, SeededRandom } from '@holdfast/engine/testing';
import { S3FileSource } from '../src/sources/s3-file-source.ts';
import { networkError, sdkError } from './sdk-failures.ts';

const content = '0123456789';
const entry: SourceEntry = {
  path: utf8('k'),
  kind: 'object',
  size: content.length,
  modifiedMs: 0,
  changeToken: '"etag"',
  attributes: {},
  userMetadata: {},
  tags: {},
};
const s3 = mockClient(S3Client);
afterAll(() => s3.restore());
const clock = new FakeClock();
const client = new S3Client({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
const source = new S3FileSource(client, 'b', clock, new SeededRandom());

beforeEach(() => {
  s3.reset();
});

/** Answers as S3 does, but breaks every connection after `bytesEach` bytes. */
function breakEvery(bytesEach: number, options: { readonly ignoreRanges?: boolean } = {}): void {
  s3.on(GetObjectCommand).callsFake((input: GetObjectCommandInput) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(input.Range ?? '') ?? [];
    const ranged = first !== undefined && options.ignoreRanges !== true;
    const bytes = ranged ? content.slice(Number(first), Number(last) + 1) : content;
    async function* body(): AsyncIterable<Uint8Array> {
      for (const byte of utf8(bytes.slice(0, bytesEach))) yield Uint8Array.of(byte);
      if (bytes.length > bytesEach) throw networkError();
    }
    return {
      Body: body(),
      ContentRange: ranged ? `bytes ${first}-${last}/10` : undefined,
    };
  });
}

async function read(range?: { offset: number; length: number }): Promise<string> {
  let text = '';
  for await (const piece of (await source.open(entry, range)).content) text += Buffer.from(piece).toString();
  return text;
}

test('a broken connection is gone on with where it broke, in the same state of the object', async () => {
  breakEvery(4);

  expect(await read()).toBe(content);

  const inputs = s3.commandCalls(GetObjectCommand).map((call) => call.args[0].input);
  expect(inputs.map((input) => input.Range)).toEqual([undefined, 'bytes=4-9', 'bytes=8-9']);
  expect(new Set(inputs.map((input) => input.IfMatch))).toEqual(new Set(['"etag"']));
});

test('a stretch that breaks is gone on with, and no byte beyond it is given', async () => {
  breakEvery(2);

  expect(await read({ offset: 3, length: 5 })).toBe('34567');

  expect(s3.commandCalls(GetObjectCommand).map((call) => call.args[0].input.Range)).toEqual([
    'bytes=3-7',
    'bytes=5-7',
    'bytes=7-7',
  ]);
});

test('a server that ignores ranges is read from the right byte all the same', async () => {
  breakEvery(10, { ignoreRanges: true });

  expect(await read({ offset: 3, length: 5 })).toBe('34567');
});

test('connections that bring nothing are given up after five', async () => {
  breakEvery(0);

  await expect(read()).rejects.toBeInstanceOf(StoreUnavailableError);
  expect(s3.commandCalls(GetObjectCommand)).toHaveLength(5);
});

test('an object that changes while it is read is reported as changed', async () => {
  breakEvery(4);
  const { content: pieces } = await source.open(entry);
  s3.on(GetObjectCommand).rejects(sdkError('PreconditionFailed', 412));

  const reading = (async () => {
    for await (const _ of pieces);
  })();

  await expect(reading).rejects.toMatchObject({ name: 'SourceEntryError', reason: 'changed' });
});

test.each([
  { error: sdkError('NoSuchKey', 404), reason: 'vanished' },
  { error: sdkError('PreconditionFailed', 412), reason: 'changed' },
  { error: sdkError('AccessDenied', 403), reason: 'denied' },
  { error: sdkError('InvalidObjectState', 403), reason: 'archived' },
  { error: sdkError('InvalidRequest', 400, 'stored using SSE-C'), reason: 'unreadable' },
  { error: sdkError('KMS.DisabledException', 400), reason: 'unreadable' },
])('one object that fails with $error.name is $reason', async ({ error, reason }) => {
  s3.on(GetObjectCommand).rejects(error);

  const opening = source.open(entry);

  await expect(opening).rejects.toBeInstanceOf(SourceEntryError);
  await expect(opening).rejects.toMatchObject({ reason });
});

test('a key that may not be used is named with the setting that allows it', async () => {
  const arn = 'arn:aws:kms:us-east-1:123456789012:key/abc';
  const message = `User: x is not authorized to perform: kms:Decrypt on resource: ${arn} because no policy allows it`;
  s3.on(GetObjectCommand).rejects(sdkError('AccessDenied', 403, message));

  const opening = source.open(entry);

  await expect(opening).rejects.toMatchObject({ reason: 'denied' });
  await expect(opening).rejects.toThrow(new RegExp(`${arn};.*sources\\.keys`));
});

test('a store that does not answer is no fault of the object', async () => {
  s3.on(GetObjectCommand).rejects(sdkError('SlowDown', 503));

  await expect(source.open(entry)).rejects.toBeInstanceOf(StoreUnavailableError);
});
