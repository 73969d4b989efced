import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type BegunWrite,
  CredentialsRefusedError,
  type SourceEntry,
  StoreUnavailableError,
  TargetEntryError,
  TargetUnavailableError,
  utf8,
} from '@holdfast/engine';
import { S3RestoreTarget } from '../src/targets/s3-restore-target.ts';
import { sdkError } from './sdk-failures.ts';

const s3 = mockClient(S3Client);
afterAll(() => s3.restore());
const client = new S3Client({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
const entry: SourceEntry = {
  path: utf8('k'),
  kind: 'object',
  size: 1_000_000,
  modifiedMs: 0,
  changeToken: '"e"',
  attributes: {
    'content-type': 'text/x',
    expires: 'Thu, 01 Jan 2026 00:00:00 GMT',
    'storage-class': 'STANDARD_IA',
  },
  userMetadata: { m: '1' },
  tags: { 'a b': 'c+d' },
};

async function* content(bytes: number, piece = 70): AsyncIterable<Uint8Array> {
  await Promise.resolve();
  for (let left = bytes; left > 0; left -= piece) yield new Uint8Array(Math.min(piece, left));
}

beforeEach(() => {
  s3.reset();
  s3.on(HeadObjectCommand).rejects(sdkError('NotFound', 404));
});

test.each([
  ['application/octet-stream', undefined, 'same'],
  ['binary/octet-stream', undefined, 'same'],
  ['text/plain', undefined, 'kept'],
  ['binary/octet-stream', 'text/plain', 'kept'],
])('an object of type %s, where its writer should have given %s, is %s', async (found, wanted, outcome) => {
  s3.on(HeadObjectCommand).resolves({ ETag: '"e"', ContentLength: 1, ContentType: found });
  s3.on(GetObjectTaggingCommand).resolves({ TagSet: [] });
  const target = new S3RestoreTarget(client, 'b');
  const attributes: SourceEntry['attributes'] = wanted === undefined ? {} : { 'content-type': wanted };
  const plain = { ...entry, size: 1, attributes, userMetadata: {}, tags: {} };

  expect(await target.write(plain, content(1), 'never')).toBe(outcome);
});

describe('a large object', () => {
  const target = new S3RestoreTarget(client, 'b', { multipartFromBytes: 1, partBytes: 10 });

  test('has parts that are large enough for ten thousand of them, and all facts', async () => {
    s3.on(CreateMultipartUploadCommand).resolves({ UploadId: 'u' });
    s3.on(UploadPartCommand).resolves({ ETag: 'e' });
    s3.on(CompleteMultipartUploadCommand).resolves({});

    expect(await target.write(entry, content(250), 'never')).toBe('written');

    const sizes = s3
      .commandCalls(UploadPartCommand)
      .map((call) => (call.args[0].input.Body as Uint8Array).length);
    expect(sizes).toEqual([100, 100, 50]);
    expect(s3.commandCalls(CreateMultipartUploadCommand)[0]?.args[0].input).toMatchObject({
      ContentType: 'text/x',
      StorageClass: 'STANDARD_IA',
      Metadata: { m: '1' },
      Tagging: 'a%20b=c%2Bd',
    });
    expect(s3.commandCalls(CompleteMultipartUploadCommand)[0]?.args[0].input.IfNoneMatch).toBe('*');
  });

  test('that somebody else wrote meanwhile is left', async () => {
    s3.on(CreateMultipartUploadCommand).resolves({ UploadId: 'u' });
    s3.on(UploadPartCommand).resolves({ ETag: 'e' });
    s3.on(CompleteMultipartUploadCommand).rejects(sdkError('PreconditionFailed', 412));
    s3.on(AbortMultipartUploadCommand).resolves({});

    expect(await target.write(entry, content(10), 'never')).toBe('kept');
    expect(s3.commandCalls(AbortMultipartUploadCommand)).toHaveLength(1);
  });
});

/** The checksum that S3 gives to an object of the parts that it was sent. */
function compositeOfSentParts(): string {
  const sent = s3.commandCalls(UploadPartCommand).map(({ args }) => args[0].input);
  const byNumber = new Map(sent.map(({ PartNumber, ChecksumSHA256 = '' }) => [PartNumber, ChecksumSHA256]));
  const hash = createHash('sha256');
  for (const checksum of byNumber.values()) hash.update(Buffer.from(checksum, 'base64'));
  return `${hash.digest('base64')}-${byNumber.size}`;
}

describe('an upload over several calls', () => {
  const target = new S3RestoreTarget(client, 'b', { multipartFromBytes: 1, partBytes: 10 });
  const long = { ...entry, size: 700 };
  let told: BegunWrite[];
  const remember = async (begun: BegunWrite): Promise<void> => {
    await Promise.resolve();
    told.push(begun);
  };
  beforeEach(() => {
    told = [];
    let uploads = 0;
    s3.on(CreateMultipartUploadCommand).callsFake(() => ({ UploadId: `u${++uploads}` }));
    s3.on(UploadPartCommand).callsFake(({ PartNumber }: { PartNumber: number }) => ({
      ETag: `e${PartNumber}`,
    }));
    s3.on(AbortMultipartUploadCommand).resolves({});
    s3.on(CompleteMultipartUploadCommand).resolves({});
  });
  const bytesTold = () => told.map(({ bytes }) => bytes);

  test('is told of before it has a part, now and then, and before it is completed', async () => {
    expect(await target.write(long, content(700, 5), 'never', { remember })).toBe('written');

    expect(bytesTold()).toEqual([0, 640, 700]);
    expect(s3.commandCalls(CompleteMultipartUploadCommand)[0]?.args[0].input.MultipartUpload?.Parts).toEqual(
      Array.from({ length: 70 }, (_, at) => ({
        PartNumber: at + 1,
        ETag: `e${at + 1}`,
        ChecksumSHA256: expect.any(String),
      })),
    );
  });

  test('is completed by a call of its own, where S3 may need minutes for it', async () => {
    const first = await target.write(long, content(700, 5), 'never', {
      remember,
      shouldStop: (nextBytes) => nextBytes > 1000,
    });
    expect(first).toMatchObject({ bytes: 700 });
    expect(s3.commandCalls(CompleteMultipartUploadCommand)).toHaveLength(0);

    const second = await target.write(long, content(0), 'never', {
      remember,
      shouldStop: () => true,
      from: first as BegunWrite,
    });

    expect(second).toBe('written');
  });

  test.each([
    { answer: 'PreconditionFailed', status: 412 },
    { answer: 'NoSuchUpload', status: 404 },
  ])(
    'that was completed by a call whose answer was lost is told by its checksum ($answer)',
    async ({ answer, status }) => {
      s3.on(CompleteMultipartUploadCommand).rejects(sdkError(answer, status));
      s3.on(HeadObjectCommand)
        .rejectsOnce(sdkError('NotFound', 404))
        .callsFake(() => ({ ContentLength: 700, ChecksumSHA256: compositeOfSentParts() }));

      expect(await target.write(long, content(700, 5), 'never', { remember })).toBe('written');
      expect(s3.commandCalls(HeadObjectCommand).at(-1)?.args[0].input.ChecksumMode).toBe('ENABLED');
    },
  );

  test('is left for a repetition when S3 does not answer, and given up when nobody knows of it', async () => {
    s3.on(UploadPartCommand).rejects(sdkError('SlowDown', 503));

    const known = target.write(long, content(700, 5), 'never', { remember });
    await expect(known).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(s3.commandCalls(AbortMultipartUploadCommand)).toHaveLength(0);

    const unknown = target.write(long, content(700, 5), 'never', {
      remember: async () => Promise.reject(new StoreUnavailableError('the work store is away')),
    });
    await expect(unknown).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(s3.commandCalls(AbortMultipartUploadCommand)).toHaveLength(1);
  });

  test('that is gone is begun anew while nothing is lost, and else is named as ended by somebody', async () => {
    const none: BegunWrite = {
      bytes: 0,
      state: { step: 'upload', key: 'k', uploadId: 'gone', partBytes: 10, parts: [] },
    };
    s3.on(UploadPartCommand, { UploadId: 'gone' }).rejects(sdkError('NoSuchUpload', 404));

    expect(await target.write(long, content(700, 5), 'always', { remember, from: none })).toBe('written');
    expect(told[0]).toMatchObject({ bytes: 0, state: { uploadId: 'u1' } });

    const parts = [{ number: 1, etag: 'e', bytes: 10, sha256: '00' }];
    const some = { bytes: 10, state: { step: 'upload', key: 'k', uploadId: 'gone', partBytes: 10, parts } };
    const writing = target.write(long, content(690, 5), 'always', { remember, from: some });
    await expect(writing).rejects.toMatchObject({ name: 'TargetEntryError', reason: 'contended' });
    await expect(writing).rejects.toThrow(/lifecycle rule/);
  });

  test('keeps the size of its parts, whatever that is by now', async () => {
    const first = await target.write(long, content(700, 5), 'always', { shouldStop: () => true });
    const other = new S3RestoreTarget(client, 'b', { multipartFromBytes: 1, partBytes: 100 });

    await other.write(long, content(690, 5), 'always', { from: first as BegunWrite });

    expect(first).toMatchObject({ bytes: 10 });
    expect(s3.commandCalls(UploadPartCommand)).toHaveLength(70);
  });

  test('can be given up by whoever knows of it, once and again', async () => {
    const begun = (await target.write(long, content(700, 5), 'always', {
      shouldStop: () => true,
    })) as BegunWrite;
    s3.on(AbortMultipartUploadCommand).resolvesOnce({}).rejects(sdkError('NoSuchUpload', 404));

    await target.giveUp(begun);
    await target.giveUp(begun);

    expect(s3.commandCalls(AbortMultipartUploadCommand)[0]?.args[0].input).toMatchObject({
      Key: 'k',
      UploadId: 'u1',
    });
  });

  test('is not begun for an object that a worker has no memory for', async () => {
    const small = new S3RestoreTarget(client, 'b', { largestBytes: 699 });

    const writing = small.write(long, content(700, 5), 'always');

    await expect(writing).rejects.toMatchObject({ name: 'TargetEntryError', reason: 'unfit' });
    await expect(writing).rejects.toThrow('has 700 bytes, more than the 699 that are written from here');
    expect(await small.accepts(long, 'always')).toBe(false);
  });
});

test.each([
  { error: sdkError('NoSuchBucket', 404), expected: TargetUnavailableError, says: /bucket b does not exist/ },
  { error: sdkError('PermanentRedirect', 301), expected: TargetUnavailableError, says: /another region/ },
  { error: sdkError('AllAccessDisabled', 403), expected: TargetUnavailableError, says: /AllAccessDisabled/ },
  { error: sdkError('ExpiredToken', 400), expected: CredentialsRefusedError, says: /ExpiredToken/ },
  { error: sdkError('KMS.DisabledException', 400), expected: TargetUnavailableError, says: /KMS/ },
  {
    error: sdkError(
      'AccessDenied',
      403,
      'User: x is not authorized to perform: kms:GenerateDataKey on resource: y',
    ),
    expected: TargetUnavailableError,
    says: /KMS/,
  },
  { error: sdkError('SlowDown', 503), expected: StoreUnavailableError, says: /writing k/ },
])('a write that fails with $error.name says what to do', async ({ error, expected, says }) => {
  s3.on(PutObjectCommand).rejects(error);
  const target = new S3RestoreTarget(client, 'b');

  const writing = target.write({ ...entry, size: 5 }, content(5), 'always');

  await expect(writing).rejects.toBeInstanceOf(expected);
  await expect(writing).rejects.toThrow(says);
});

test('a directory of a point becomes the marker of its own path', async () => {
  s3.on(PutObjectCommand).resolves({});
  const directory: SourceEntry = { ...entry, path: utf8('a/b/'), kind: 'directory', size: 0 };

  await new S3RestoreTarget(client, 'b', { prefix: 'p/' }).write(directory, content(0), 'always');

  expect(s3.commandCalls(PutObjectCommand)[0]?.args[0].input.Key).toBe('p/a/b/');
});

test('a storage class that cannot be written into falls back to the standard one', async () => {
  s3.on(PutObjectCommand).resolves({});
  const odd = { ...entry, size: 5, attributes: { 'storage-class': 'AWS_BACKUP_WARM' } };

  await new S3RestoreTarget(client, 'b').write(odd, content(5), 'always');

  expect(s3.commandCalls(PutObjectCommand)[0]?.args[0].input.StorageClass).toBeUndefined();
});

describe('a key that S3 refuses', () => {
  const small = { ...entry, size: 5 };
  const target = new S3RestoreTarget(client, 'b');
  const headers = Object.assign(new TypeError('Invalid character in header content ["x-amz-meta-m"]'), {
    code: 'ERR_INVALID_CHAR',
  });

  test.each([
    { error: sdkError('AccessDenied', 403, 'with an explicit deny on arn:aws:s3:::b/kms'), reason: 'denied' },
    { error: sdkError('KeyTooLongError', 400), reason: 'unfit' },
    { error: sdkError('MetadataTooLarge', 400), reason: 'unfit' },
    { error: sdkError('InvalidTag', 400), reason: 'unfit' },
    { error: sdkError('InvalidRequest', 400), reason: 'unfit' },
    { error: sdkError('SomethingOfTomorrow', 422), reason: 'unfit' },
    { error: sdkError('OperationAborted', 409), reason: 'contended' },
    { error: headers, reason: 'unfit' },
  ])('with $error.name is one entry, and no end of the restore', async ({ error, reason }) => {
    s3.on(PutObjectCommand).rejects(error);

    const writing = target.write(small, content(5), 'never');

    await expect(writing).rejects.toMatchObject({ name: 'TargetEntryError', concerns: 'one', reason });
    await expect(writing).rejects.toThrow(error.message);
  });

  test.each([400, 403, 405])(
    'a look at (%i) is decided by S3 in the write itself, when nothing may be overwritten',
    async (status) => {
      s3.on(HeadObjectCommand).rejects(sdkError('UnknownError', status));
      s3.on(GetObjectCommand).rejects(sdkError('AccessDenied', 403));
      s3.on(PutObjectCommand).resolvesOnce({}).rejects(sdkError('PreconditionFailed', 412));

      expect(await target.write(small, content(5), 'never')).toBe('written');
      expect(await target.write(small, content(5), 'never')).toBe('kept');

      expect(s3.commandCalls(PutObjectCommand)[0]?.args[0].input.IfNoneMatch).toBe('*');
    },
  );

  test.each([
    { error: sdkError('AccessDenied', 403), expected: TargetEntryError },
    { error: sdkError('InvalidRequest', 400, 'encrypted with a customer key'), expected: TargetEntryError },
    { error: sdkError('ExpiredToken', 400), expected: CredentialsRefusedError },
  ])(
    'a look at, when it is to be compared, is refused for the reason that GET gives',
    async ({ error, expected }) => {
      s3.on(HeadObjectCommand).rejects(sdkError('UnknownError', 400));
      s3.on(GetObjectCommand).rejects(error);

      const writing = target.write(small, content(5), 'if-different');

      await expect(writing).rejects.toBeInstanceOf(expected);
      expect(s3.commandCalls(PutObjectCommand)).toHaveLength(0);
    },
  );

  test('because another write of it was under way is written again, or left as one entry', async () => {
    const conflict = sdkError('ConditionalRequestConflict', 409);
    s3.on(PutObjectCommand).rejectsOnce(conflict).rejectsOnce(conflict).resolves({});
    expect(await target.write(small, content(5), 'never')).toBe('written');

    s3.on(PutObjectCommand).rejects(conflict);
    await expect(target.write(small, content(5), 'never')).rejects.toMatchObject({ reason: 'contended' });
  });

  test('is found out without a trace', async () => {
    s3.on(AbortMultipartUploadCommand).resolves({});
    s3.on(CreateMultipartUploadCommand).resolves({ UploadId: 'u' });
    expect(await target.accepts(small, 'never')).toBe(true);
    expect(s3.commandCalls(AbortMultipartUploadCommand)).toHaveLength(1);

    s3.on(CreateMultipartUploadCommand).rejects(sdkError('AccessDenied', 403));
    expect(await target.accepts(small, 'always')).toBe(false);

    s3.on(CreateMultipartUploadCommand).rejects(sdkError('NoSuchBucket', 404));
    await expect(target.accepts(small, 'always')).rejects.toBeInstanceOf(TargetUnavailableError);
  });
});
