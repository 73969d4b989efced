import { createHash, randomBytes } from 'node:crypto';
import {
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { S3FileSource, S3RestoreTarget, SystemClock, SystemRandom } from '@holdfast/aws';
import { RestorePathError, type SourceEntry, TargetUnavailableError, utf8 } from '@holdfast/engine';
import { allOf, restoreTargetContract } from '@holdfast/engine/testing';
import { findGap, testUnless } from '../support/gaps.ts';
import { makeBucket, putPlain } from './support/buckets.ts';
import { connect, uniqueName } from './support/emulated-aws.ts';

const { s3 } = connect();
const noAnyExpires = await findGap('anyExpires');

function entryOf(path: string, content: Uint8Array, change: Partial<SourceEntry> = {}): SourceEntry {
  return {
    path: utf8(path),
    kind: 'object',
    size: content.length,
    modifiedMs: 0,
    changeToken: `"${createHash('md5').update(content).digest('hex')}"`,
    attributes: { 'content-type': 'text/plain' },
    userMetadata: {},
    tags: {},
    ...change,
  };
}

async function* pieces(...parts: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  await Promise.resolve();
  yield* parts;
}

async function readBack(bucket: string, key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return (await Body?.transformToString()) ?? '';
}

async function keysOf(bucket: string): Promise<string[]> {
  const source = new S3FileSource(s3, bucket, new SystemClock(), new SystemRandom());
  return (await allOf(source.list({}))).map((entry) => Buffer.from(entry.path).toString());
}

const body = utf8('restored');

/** A client to which S3 answers 403 for every key of a folder, as by a policy. */
function denying(folders: readonly string[]): typeof s3 {
  const client = connect().s3;
  client.middlewareStack.add(
    (next) => async (args) => {
      const { Key = '' } = args.input as { Key?: string };
      if (!folders.some((folder) => Key.startsWith(folder))) return next(args);
      const error = Object.assign(new Error('Access Denied'), { $metadata: { httpStatusCode: 403 } });
      error.name = 'AccessDenied';
      throw error;
    },
    { step: 'initialize' },
  );
  return client;
}

/** Small enough for tests, and large enough for S3: parts but the last have 5 MiB at least. */
const partBytes = 5 * 2 ** 20;

async function countUploads(bucket: string): Promise<number> {
  const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  return Uploads.length;
}

restoreTargetContract({
  name: 'a bucket',
  partBytes,
  make: async () => {
    const bucket = await makeBucket(s3);
    const denied: string[] = [];
    return {
      target: new S3RestoreTarget(denying(denied), bucket, { multipartFromBytes: partBytes, partBytes }),
      countUploads: async () => countUploads(bucket),
      read: async (path) => readBack(bucket, path).catch(() => undefined),
      refuse: async (folder) => {
        await Promise.resolve();
        denied.push(folder);
      },
      remove: async () => {
        const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
        for (const { Key } of Contents) await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
        await s3.send(new DeleteBucketCommand({ Bucket: bucket }));
      },
    };
  },
});

describe('restoring into a bucket', () => {
  test('brings back content, headers, metadata and tags', async () => {
    const bucket = await makeBucket(s3);
    const target = new S3RestoreTarget(s3, bucket, { prefix: 'restored/' });
    const entry = entryOf('a b+ü.txt', body, {
      attributes: {
        'content-type': 'text/x',
        'cache-control': 'no-store',
        'content-language': 'de',
        expires: 'Thu, 01 Jan 2026 00:00:00 GMT',
      },
      userMetadata: { owner: 'me' },
      tags: { 'team name': 'a+b=c:/@', empty: '' },
    });

    expect(await target.write(entry, pieces(body.subarray(0, 3), body.subarray(3)), 'never')).toBe('written');

    const source = new S3FileSource(s3, bucket, new SystemClock(), new SystemRandom());
    const [listed] = await allOf(source.list({}));
    const opened = await source.open(listed ?? entry);
    expect(Buffer.from(opened.entry.path).toString()).toBe('restored/a b+ü.txt');
    expect(Buffer.concat(await allOf(opened.content)).toString()).toBe('restored');
    expect(opened.entry).toMatchObject({
      attributes: entry.attributes,
      userMetadata: entry.userMetadata,
      tags: entry.tags,
    });
  });

  testUnless(noAnyExpires)(
    'brings back an Expires header that is no date, as S3 keeps any text',
    async () => {
      const bucket = await makeBucket(s3);
      const entry = entryOf('k', body, { attributes: { expires: '0' } });

      await new S3RestoreTarget(s3, bucket).write(entry, pieces(body), 'never');

      const source = new S3FileSource(s3, bucket, new SystemClock(), new SystemRandom());
      expect((await source.open(entry)).entry.attributes).toMatchObject({ expires: '0' });
    },
  );

  test('takes every path for a key under the prefix, whatever it looks like', async () => {
    const bucket = await makeBucket(s3);
    const target = new S3RestoreTarget(s3, bucket, { prefix: 'safe/' });
    const paths = ['../../etc/passwd', './.', '/absolute', 'a//b', 'x\u0001y', '..'];

    for (const path of paths) await target.write(entryOf(path, body), pieces(body), 'never');

    expect((await keysOf(bucket)).sort()).toEqual(paths.map((path) => `safe/${path}`).sort());
  });

  test('writes large objects in parts, and their headers with them', async () => {
    const bucket = await makeBucket(s3);
    const mebibyte = 1024 * 1024;
    const large = new Uint8Array(randomBytes(12 * mebibyte));
    const target = new S3RestoreTarget(s3, bucket, { multipartFromBytes: mebibyte, partBytes: 5 * mebibyte });
    const entry = entryOf('large', large, { userMetadata: { m: '1' } });

    expect(
      await target.write(entry, pieces(large.subarray(0, 7_000_000), large.subarray(7_000_000)), 'never'),
    ).toBe('written');

    const got = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'large' }));
    expect(Buffer.compare((await got.Body?.transformToByteArray()) ?? body, large)).toBe(0);
    expect(got).toMatchObject({ ContentType: 'text/plain', Metadata: { m: '1' } });
    expect(await target.write(entry, pieces(large), 'never')).toBe('same');
    const other = Buffer.concat([large.subarray(1), large.subarray(0, 1)]);
    expect(await target.write(entry, pieces(other), 'never')).toBe('kept');
  });

  test.each([
    { size: 'small', multipartFromBytes: 1000 },
    { size: 'large', multipartFromBytes: 1 },
  ])('leaves nothing of a $size object whose content breaks off', async ({ multipartFromBytes }) => {
    const bucket = await makeBucket(s3);
    const target = new S3RestoreTarget(s3, bucket, { multipartFromBytes, partBytes: 4 });
    async function* broken(): AsyncIterable<Uint8Array> {
      yield* pieces(body.subarray(0, 5));
      throw new Error('the vault went away');
    }

    await expect(target.write(entryOf('k', body), broken(), 'always')).rejects.toThrow('the vault went away');

    expect(await keysOf(bucket)).toEqual([]);
    const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads ?? []).toEqual([]);
  });
});

describe('where something of that name exists already', () => {
  const other = utf8('the target’s own');

  test('never leaves it as it is', async () => {
    const bucket = await makeBucket(s3);
    await putPlain(s3, bucket, 'k', other);

    expect(await new S3RestoreTarget(s3, bucket).write(entryOf('k', body), pieces(body), 'never')).toBe(
      'kept',
    );

    expect(await readBack(bucket, 'k')).toBe('the target’s own');
  });

  test('never lets one of several restores write it', async () => {
    const bucket = await makeBucket(s3);
    const target = new S3RestoreTarget(s3, bucket);
    // Contents of one length, so that one who looks late finds another's object, and not the same.
    const bodies = Array.from({ length: 10 }, (_, at) => utf8(`restored by ${at}`));

    const outcomes = await Promise.all(
      bodies.map((own) => target.write(entryOf('k', own), pieces(own), 'never')),
    );

    expect(outcomes.filter((outcome) => outcome === 'kept')).toHaveLength(9);
    expect(await readBack(bucket, 'k')).toBe(`restored by ${outcomes.indexOf('written')}`);
  });

  test('always overwrites it', async () => {
    const bucket = await makeBucket(s3);
    await putPlain(s3, bucket, 'k', other);

    expect(await new S3RestoreTarget(s3, bucket).write(entryOf('k', body), pieces(body), 'always')).toBe(
      'written',
    );

    expect(await readBack(bucket, 'k')).toBe('restored');
  });

  test('if-different overwrites other content, and leaves what is the same', async () => {
    const bucket = await makeBucket(s3);
    const target = new S3RestoreTarget(s3, bucket);
    await putPlain(s3, bucket, 'k', other);
    const entry = entryOf('k', body);

    expect(await target.write(entry, pieces(body), 'if-different')).toBe('written');
    expect(await target.write(entry, pieces(body), 'if-different')).toBe('same');
    expect(await target.write({ ...entry, changeToken: 'of a file' }, pieces(body), 'if-different')).toBe(
      'same',
    );
    expect(await readBack(bucket, 'k')).toBe('restored');
  });

  test.each([
    { what: 'a header', change: { attributes: { 'content-type': 'text/html' } } },
    { what: 'metadata', change: { userMetadata: { a: 'b' } } },
    { what: 'a tag', change: { tags: { a: 'b' } } },
  ])('if-different sees that $what differs', async ({ change }) => {
    const bucket = await makeBucket(s3);
    const target = new S3RestoreTarget(s3, bucket);
    await target.write(entryOf('k', body), pieces(body), 'never');

    expect(await target.write(entryOf('k', body, change), pieces(body), 'if-different')).toBe('written');
    expect(await target.write(entryOf('k', body, change), pieces(body), 'if-different')).toBe('same');
  });
});

describe('what cannot be restored into a bucket', () => {
  test.each([
    { what: 'a symbolic link', entry: entryOf('link', body, { kind: 'symlink' }) },
    { what: 'a name that is not UTF-8', entry: { ...entryOf('', body), path: new Uint8Array([0xff, 0x41]) } },
    { what: 'a name that is too long under the prefix', entry: entryOf('x'.repeat(1020), body) },
    { what: 'no name', entry: entryOf('', body) },
  ])('$what is named', async ({ entry }) => {
    const target = new S3RestoreTarget(s3, await makeBucket(s3), { prefix: 'prefix/' });

    await expect(target.write(entry, pieces(body), 'never')).rejects.toBeInstanceOf(RestorePathError);
  });

  test('a bucket that does not exist is named', async () => {
    const bucket = uniqueName('absent');
    const target = new S3RestoreTarget(s3, bucket);

    const refused = target.write(entryOf('k', body), pieces(body), 'always');

    await expect(refused).rejects.toBeInstanceOf(TargetUnavailableError);
    await expect(refused).rejects.toThrow(bucket);
  });
});
