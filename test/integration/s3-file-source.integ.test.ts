import { DeleteObjectCommand, PutObjectCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { S3FileSource, type S3FileSourceOptions, SystemClock, SystemRandom } from '@holdfast/aws';
import { type PathRange, type SourceEntry, SourceUnavailableError, utf8 } from '@holdfast/engine';
import { allOf } from '@holdfast/engine/testing';
import { findGap, testUnless } from '../support/gaps.ts';
import { patienceMs } from '../support/patience.ts';
import { makeBucket, putPlain } from './support/buckets.ts';
import { connect, uniqueName } from './support/emulated-aws.ts';

const { s3 } = connect();
const noListings = await findGap('listings');

function sourceOf(bucket: string, options: S3FileSourceOptions = {}): S3FileSource {
  return new S3FileSource(s3, bucket, new SystemClock(), new SystemRandom(), options);
}

async function bucketWith(keys: readonly string[]): Promise<string> {
  const bucket = await makeBucket(s3);
  for (const key of keys) await putPlain(s3, bucket, key, utf8(`content of ${key}`));
  return bucket;
}

async function keysOf(source: S3FileSource, range: PathRange = {}): Promise<string[]> {
  return (await allOf(source.list(range))).map((entry) => Buffer.from(entry.path).toString());
}

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat((await allOf(content)).map((piece) => new Uint8Array(piece))).toString();
}

async function firstEntry(source: S3FileSource): Promise<SourceEntry> {
  const [entry] = await allOf(source.list({}));
  if (entry === undefined) throw new Error('the bucket is empty');
  return entry;
}

describe('listing a bucket', () => {
  const strange = [
    'a',
    '../../etc/passwd',
    'a//b',
    'a b+c',
    'tab\there',
    'line\nbreak',
    'ä/ö',
    '%41',
    '\u{1F600}',
    '\uFFFD',
  ];

  testUnless(noListings)(
    'gives every key exactly, in the order of its bytes, over several pages',
    async () => {
      const bucket = await bucketWith(strange);

      const listed = await keysOf(sourceOf(bucket, { pageSize: 3 }));

      expect(listed).toEqual(strange.toSorted((a, b) => Buffer.compare(utf8(a), utf8(b))));
    },
  );

  testUnless(noListings)('begins at a path itself and ends before another', async () => {
    const keys = ['a', 'ab', 'ab\u0000', 'aba', 'ac', 'b', '\u{E000}x', '\u{10000}'];
    const source = sourceOf(await bucketWith(keys), { pageSize: 2 });
    const sorted = keys.toSorted((a, b) => Buffer.compare(utf8(a), utf8(b)));

    for (const from of sorted) {
      expect(await keysOf(source, { from: utf8(from) })).toEqual(sorted.slice(sorted.indexOf(from)));
      expect(await keysOf(source, { to: utf8(from) })).toEqual(sorted.slice(0, sorted.indexOf(from)));
    }
    expect(await keysOf(source, { from: utf8('ab'), to: utf8('ac') })).toEqual(['ab', 'ab\u0000', 'aba']);
  });

  test('takes the prefixes that a plan names, in order, each key once', async () => {
    const source = sourceOf(await bucketWith(['x/1', 'y/1', 'y/z/1', 'z/1']), {
      prefixes: ['z/', 'y/', 'y/z/'],
    });

    expect(await keysOf(source)).toEqual(['y/1', 'y/z/1', 'z/1']);
    expect(await keysOf(source, { from: utf8('y/z/'), to: utf8('z/1') })).toEqual(['y/z/1']);
  });

  test('shows size, time and ETag', async () => {
    const before = Date.now();
    const bucket = await makeBucket(s3);
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'four' }));

    const entry = await firstEntry(sourceOf(bucket));

    expect(entry).toMatchObject({ kind: 'object', size: 4, changeToken: ETag });
    expect(Math.abs(entry.modifiedMs - before)).toBeLessThan(patienceMs);
  });

  test('says that a bucket does not exist', async () => {
    const source = sourceOf(uniqueName('absent'));

    await expect(allOf(source.list({}))).rejects.toBeInstanceOf(SourceUnavailableError);
  });

  testUnless(noListings)('is cut where other keys begin, also below one folder', async () => {
    const source = sourceOf(await bucketWith(['top/a/1', 'top/b/1', 'top/b/2', 'top/c/1']));
    const split = async (range: PathRange): Promise<string | undefined> => {
      const found = await source.findSplit(range);
      return found && Buffer.from(found).toString();
    };

    expect(await split({ from: utf8('top/a/1\0') })).toBe('top/c/1');
    expect(await split({ from: utf8('top/b/1\0'), to: utf8('top/c/') })).toBe('top/b/2');
    expect(await split({ from: utf8('top/c/1\0') })).toBeUndefined();
  });
});

describe('opening an object', () => {
  test('gives its content, headers, metadata and tags', async () => {
    const bucket = await makeBucket(s3);
    await s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: 'k',
        Body: 'content',
        ContentType: 'text/plain; charset=utf-8',
        CacheControl: 'max-age=60',
        ContentDisposition: 'attachment',
        ContentEncoding: 'identity',
        ContentLanguage: 'de',
        Metadata: { owner: 'me', empty: '' },
        Tagging: 'team=a%20b&stage=x',
      }),
    );
    const source = sourceOf(bucket);

    const { entry, content } = await source.open(await firstEntry(source));

    expect(await textOf(content)).toBe('content');
    expect(entry.attributes).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'max-age=60',
      'content-disposition': 'attachment',
      'content-encoding': 'identity',
      'content-language': 'de',
    });
    expect(entry.userMetadata).toMatchObject({ owner: 'me' });
    expect(entry.tags).toEqual({ team: 'a b', stage: 'x' });
  });

  test('reads a stretch of it', async () => {
    const bucket = await makeBucket(s3);
    await putPlain(s3, bucket, 'k', utf8('0123456789'));
    const source = sourceOf(bucket);
    const entry = await firstEntry(source);

    const stretch = async (offset: number, length: number): Promise<string> =>
      textOf((await source.open(entry, { offset, length })).content);

    expect(await stretch(2, 3)).toBe('234');
    expect(await stretch(0, 10)).toBe('0123456789');
    expect(await stretch(8, 100)).toBe('89');
  });

  test('reads an object of no bytes', async () => {
    const bucket = await makeBucket(s3);
    await putPlain(s3, bucket, 'empty', new Uint8Array(0));
    const source = sourceOf(bucket);

    expect(await textOf((await source.open(await firstEntry(source))).content)).toBe('');
  });

  test('says that it changed since it was listed', async () => {
    const bucket = await bucketWith(['k']);
    const source = sourceOf(bucket);
    const entry = await firstEntry(source);
    await putPlain(s3, bucket, 'k', utf8('other'));

    await expect(source.open(entry)).rejects.toMatchObject({ name: 'SourceEntryError', reason: 'changed' });
  });

  test('says that it vanished since it was listed', async () => {
    const bucket = await bucketWith(['k']);
    const source = sourceOf(bucket);
    const entry = await firstEntry(source);
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'k' }));

    await expect(source.open(entry)).rejects.toMatchObject({ reason: 'vanished' });
    await expect(source.getTags(entry)).rejects.toMatchObject({ reason: 'vanished' });
  });

  test('sees tags that changed without the object', async () => {
    const bucket = await bucketWith(['k']);
    const source = sourceOf(bucket);
    const entry = await firstEntry(source);
    expect(await source.getTags(entry)).toEqual({});

    const TagSet = [{ Key: 'new', Value: 'tag' }];
    await s3.send(new PutObjectTaggingCommand({ Bucket: bucket, Key: 'k', Tagging: { TagSet } }));

    expect(await source.getTags(entry)).toEqual({ new: 'tag' });
    expect((await source.open(entry)).entry.tags).toEqual({ new: 'tag' });
  });
});
