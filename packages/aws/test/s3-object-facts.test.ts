import { Readable } from 'node:stream';
import { S3Client } from '@aws-sdk/client-s3';
import { exactAttributes, fileAttributes, type SourceEntry, utf8 } from '@holdfast/engine';
import { FakeClock, SeededRandom } from '@holdfast/engine/testing';
import { describe, expect, test } from 'vitest';
import { S3FileSource } from '../src/sources/s3-file-source.ts';
import { S3RestoreTarget } from '../src/targets/s3-restore-target.ts';

/** Headers that S3 keeps with an object and gives back as they came. */
const kept =
  /^(content-(type|disposition|encoding|language)|cache-control|expires|x-amz-meta-.*|x-amz-website-redirect-location|x-amz-storage-class)$/;

interface Message {
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, unknown>;
  readonly headers: Record<string, string>;
}

function answer(statusCode: number, given: Record<string, string> = {}, body = ''): unknown {
  return { response: { statusCode, headers: given, body: Readable.from([Buffer.from(body)]) } };
}

/** S3 as the client sees it on the wire, for objects without content. Keeps headers byte for byte. */
class WireS3 {
  readonly objects = new Map<string, Record<string, string>>();
  readonly client = new S3Client({
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    requestHandler: { handle: async (request: unknown) => Promise.resolve(this.#answer(request as Message)) },
  });

  put(key: string, headers: Record<string, string>): void {
    this.objects.set(key, { 'content-type': 'binary/octet-stream', ...headers });
  }

  #answer({ method, path, query, headers }: Message): unknown {
    const key = path.replace(/^\/b\//, '');
    if ('uploads' in query || method === 'PUT') {
      if ('partNumber' in query) return answer(200, { etag: '"p"' });
      const entries = Object.entries(headers).filter(([name]) => kept.test(name));
      this.put(key, Object.fromEntries(entries));
      return answer(200, {}, '<R><UploadId>u</UploadId></R>');
    }
    if (method === 'POST') return answer(200, {}, '<R></R>');
    const found = this.objects.get(key);
    if (found === undefined) return answer(404);
    if ('tagging' in query) return answer(200, {}, '<Tagging><TagSet></TagSet></Tagging>');
    return answer(200, { 'content-length': '0', etag: '"d41d8cd98f00b204e9800998ecf8427e"', ...found });
  }
}

const listed: SourceEntry = {
  path: utf8('k'),
  kind: 'object',
  size: 0,
  modifiedMs: 0,
  changeToken: '"d41d8cd98f00b204e9800998ecf8427e"',
  attributes: {},
  userMetadata: {},
  tags: {},
};

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function backUp(s3: WireS3): Promise<SourceEntry> {
  const source = new S3FileSource(s3.client, 'b', new FakeClock(), new SeededRandom());
  return (await source.open(listed)).entry;
}

describe.each([
  { size: 'small', multipartFromBytes: 1 },
  { size: 'large', multipartFromBytes: 0 },
])('a restored $size object', ({ multipartFromBytes }) => {
  const restored = async (headers: Record<string, string>): Promise<Record<string, string> | undefined> => {
    const [source, target] = [new WireS3(), new WireS3()];
    source.put('k', headers);
    const to = new S3RestoreTarget(target.client, 'b', { multipartFromBytes });
    expect(await to.write(await backUp(source), nothing(), 'always')).toBe('written');
    expect(await to.finish()).toEqual([]);
    expect(await to.write(await backUp(source), nothing(), 'if-different')).toBe('same');
    return target.objects.get('k');
  };

  test.each([
    '0',
    '-1',
    'never',
    'Thu, 01 Jan 1970 00:00:00 GMT',
    'Fri, 1 Sep 2023 01:01:01 GMT',
    'Friday, 01-Sep-23 01:01:01 GMT',
    '2026-01-01T00:00:00Z',
    'Fri, 01 Sep 2023 01:01:01 +0200',
  ])('has the Expires of the source, %j', async (expires) => {
    expect(await restored({ expires })).toMatchObject({ expires });
  });

  test('has every header and all metadata byte for byte', async () => {
    const headers = {
      'content-type': 'text/html; charset="UTF-8"',
      'content-encoding': 'gzip, br',
      'content-language': 'de, en-GB',
      'content-disposition': `attachment; filename="a \\"b\\".txt"; filename*=UTF-8''%e2%82%ac`,
      'cache-control': 'no-cache, max-age=00',
      'x-amz-website-redirect-location': '/a b?c=%C3%BC#d',
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-meta-empty': '',
      'x-amz-meta-number': '0010',
      'x-amz-meta-true': 'true',
      'x-amz-meta-json': '{"a": [1,  2]}',
      'x-amz-meta-word': '=?UTF-8?B?w7zDvA==?=',
      'x-amz-meta-__proto__': 'x',
      'x-amz-meta-constructor': 'y',
    };

    expect(await restored(headers)).toEqual(headers);
  });
});

test('what an object cannot have is said, and is no difference', async () => {
  const s3 = new WireS3();
  const target = new S3RestoreTarget(s3.client, 'b');
  const attributes = {
    'content-type': 'text/plain',
    'content-disposition': 'attachment; filename="\u00fc"',
    'storage-class': 'SNOW',
  };
  const odd = { ...listed, attributes, userMetadata: { raw: '\u00c3\u00bc', fine: 'x' } };

  expect(await target.write(odd, nothing(), 'if-different')).toBe('written');
  expect(await target.write(odd, nothing(), 'if-different')).toBe('same');
  expect(s3.objects.get('k')).toEqual({ 'content-type': 'text/plain', 'x-amz-meta-fine': 'x' });

  expect(await target.finish()).toEqual([
    { fact: 'headers', entries: 1, example: 'k' },
    { fact: 'storage-class', entries: 1, example: 'k' },
    { fact: 'metadata', entries: 1, example: 'k' },
  ]);
});

test('facts of a file become metadata as FSx for Lustre has it, and are the same when it is written again', async () => {
  const s3 = new WireS3();
  const target = new S3RestoreTarget(s3.client, 'b');
  const attributes = {
    ...fileAttributes({ mode: 0o4755, uid: 1, gid: 2 }),
    ...exactAttributes(1_700_000_000_123_456_789n, [{ name: utf8('user.Ä'), value: utf8('x') }]),
  };
  const file: SourceEntry = { ...listed, kind: 'file', attributes };

  expect(await target.write(file, nothing(), 'if-different')).toBe('written');
  expect(await target.write(file, nothing(), 'if-different')).toBe('same');

  expect(s3.objects.get('k')).toMatchObject({
    'x-amz-meta-file-permissions': '0104755',
    'x-amz-meta-file-owner': '1',
    'x-amz-meta-file-group': '2',
    'x-amz-meta-file-mtime': '1700000000123456789ns',
    'x-amz-meta-file-xattrs': 'user.%c3%84=eA==',
  });
  expect(await target.finish()).toEqual([]);
});

test('extended attributes that have no room in the metadata of an object are said, and the rest is kept', async () => {
  const s3 = new WireS3();
  const target = new S3RestoreTarget(s3.client, 'b');
  const attributes = {
    ...fileAttributes({ mode: 0o644, uid: 1, gid: 2 }),
    ...exactAttributes(0n, [{ name: utf8('user.large'), value: new Uint8Array(1_800) }]),
  };

  await target.write({ ...listed, kind: 'file', attributes }, nothing(), 'always');

  expect(Object.keys(s3.objects.get('k') ?? {})).not.toContain('x-amz-meta-file-xattrs');
  expect(s3.objects.get('k')).toMatchObject({ 'x-amz-meta-file-permissions': '0100644' });
  expect(await target.finish()).toEqual([{ fact: 'xattrs', entries: 1, example: 'k' }]);
});

test('an object whose metadata S3 does not show says so', async () => {
  const s3 = new WireS3();
  s3.put('k', { 'x-amz-missing-meta': '2' });

  expect(await backUp(s3)).toMatchObject({ leftOut: ['hidden-metadata'] });
  s3.put('k', {});
  expect(await backUp(s3)).not.toHaveProperty('leftOut');
});
