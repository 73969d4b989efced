import { createHash } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  AccessDeniedError,
  InvalidInputError,
  NotSupportedError,
  ObjectArchivedError,
  ObjectExistsError,
  ObjectLockedError,
  ObjectLockMissingError,
  ObjectNotFoundError,
  StoreUnavailableError,
  UnknownNameError,
  utf8,
} from '@holdfast/engine';
import { allOf, FakeClock } from '@holdfast/engine/testing';
import { S3ObjectStore } from '../src/store/s3-object-store.ts';
import { networkError, sdkError } from './sdk-failures.ts';

const s3 = mockClient(S3Client);
afterAll(() => s3.restore());
const client = new S3Client({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
const once = new S3Client({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
const store = new S3ObjectStore({ s3: client, s3WithoutRetries: once }, 'vault', new FakeClock(), {
  expectedBucketOwner: '123456789012',
});
const lock = { mode: 'compliance', until: new Date('2030-01-01T00:00:00Z') } as const;

beforeEach(() => {
  s3.reset();
});

describe('put', () => {
  test('asks S3 for a free name, a checked body, the lock and the right owner', async () => {
    // The answer without a version id ends the call before it asks for the time.
    s3.on(PutObjectCommand).resolves({});

    await expect(
      store.put('n', [utf8('a'), utf8('b')], { lock, storageClass: 'STANDARD_IA' }),
    ).rejects.toBeInstanceOf(StoreUnavailableError);

    expect(s3.commandCalls(PutObjectCommand)[0]?.args[0].input).toMatchObject({
      Bucket: 'vault',
      ExpectedBucketOwner: '123456789012',
      Key: 'n',
      IfNoneMatch: '*',
      ChecksumSHA256: createHash('sha256').update('ab').digest('base64'),
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: lock.until,
      StorageClass: 'STANDARD_IA',
    });
  });

  test('goes through the client that never repeats', async () => {
    s3.on(PutObjectCommand).rejects(sdkError('InternalError', 500));

    await expect(store.put('n', utf8('a'))).rejects.toBeInstanceOf(StoreUnavailableError);

    expect(s3.commandCalls(PutObjectCommand)[0]?.thisValue).toBe(once);
  });

  test.each([
    { error: sdkError('PreconditionFailed', 412), expected: ObjectExistsError },
    { error: sdkError('ConditionalRequestConflict', 409), expected: ObjectExistsError },
    { error: sdkError('SlowDown', 503), expected: StoreUnavailableError },
    { error: networkError(), expected: StoreUnavailableError },
    { error: sdkError('AccessDenied', 403), expected: AccessDeniedError },
    { error: sdkError('NoSuchBucket', 404), expected: UnknownNameError },
  ])('turns $error.name into $expected.name', async ({ error, expected }) => {
    s3.on(PutObjectCommand).rejects(error);

    await expect(store.put('n', utf8('a'))).rejects.toBeInstanceOf(expected);
  });
});

describe('get', () => {
  test.each([
    { error: sdkError('NoSuchKey', 404), expected: ObjectNotFoundError },
    { error: sdkError('NoSuchVersion', 404), expected: ObjectNotFoundError },
    {
      error: sdkError('InvalidArgument', 400, 'Invalid version id specified'),
      expected: ObjectNotFoundError,
    },
    { error: sdkError('InvalidArgument', 400, 'Invalid range'), expected: InvalidInputError },
    { error: sdkError('NotFound', 404, 'UnknownError'), expected: InvalidInputError },
    { error: sdkError('MethodNotAllowed', 405), expected: ObjectNotFoundError },
    { error: sdkError('InvalidObjectState', 403), expected: ObjectArchivedError },
    { error: sdkError('AccessDenied', 403), expected: AccessDeniedError },
    { error: sdkError('ServiceUnavailable', 503), expected: StoreUnavailableError },
  ])('turns $error.name into $expected.name', async ({ error, expected }) => {
    s3.on(GetObjectCommand).rejects(error);

    await expect(store.get('n', { versionId: 'v' })).rejects.toBeInstanceOf(expected);
  });

  test('asks again when a body breaks off, and gives up after three times', async () => {
    const broken = answer(() => Promise.reject(networkError()));
    s3.on(GetObjectCommand)
      .resolvesOnce(broken)
      .resolvesOnce(broken)
      .resolvesOnce(answer(async () => utf8('whole')));
    expect(await store.get('n', { versionId: 'v' })).toEqual(utf8('whole'));

    s3.reset();
    s3.on(GetObjectCommand).resolves(broken);
    await expect(store.get('n', { versionId: 'v' })).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(s3.commandCalls(GetObjectCommand)).toHaveLength(3);
  });

  test('cuts the range out when a server answers with the whole object', async () => {
    s3.on(GetObjectCommand)
      .resolvesOnce(answer(async () => utf8('0123456789')))
      .resolvesOnce(answer(async () => utf8('345'), 'bytes 3-5/10'));

    expect(await store.get('n', { versionId: 'v', range: { offset: 3, length: 3 } })).toEqual(utf8('345'));
    expect(await store.get('n', { versionId: 'v', range: { offset: 3, length: 3 } })).toEqual(utf8('345'));
    expect(s3.commandCalls(GetObjectCommand)[0]?.args[0].input.Range).toBe('bytes=3-5');
  });

  test('without a version reads the last one that the listing of that very name shows', async () => {
    s3.on(ListObjectVersionsCommand).resolves({
      Versions: [
        { Key: 'n', VersionId: 'new', Size: 1 },
        { Key: 'n', VersionId: 'old', Size: 1 },
        { Key: 'n2', VersionId: 'other', Size: 1 },
      ],
    });
    s3.on(GetObjectCommand).resolves(answer(async () => utf8('x')));

    await store.get('n');

    expect(s3.commandCalls(GetObjectCommand)[0]?.args[0].input.VersionId).toBe('old');
  });
});

describe('extendLock', () => {
  const denied = sdkError('AccessDenied', 403);

  test('takes a refusal for success when the lock is as late already', async () => {
    const later = new Date('2031-01-01T00:00:00Z');
    s3.on(PutObjectRetentionCommand).rejects(denied);
    s3.on(GetObjectRetentionCommand).resolves({ Retention: { Mode: 'COMPLIANCE', RetainUntilDate: later } });

    expect(await store.extendLock('n', 'v', lock)).toEqual({ mode: 'compliance', until: later });
  });

  test('extends a compliance lock as such when governance was asked for', async () => {
    const earlier = new Date('2029-01-01T00:00:00Z');
    s3.on(PutObjectRetentionCommand).rejectsOnce(denied).resolvesOnce({});
    s3.on(GetObjectRetentionCommand).resolves({
      Retention: { Mode: 'COMPLIANCE', RetainUntilDate: earlier },
    });

    expect(await store.extendLock('n', 'v', { mode: 'governance', until: lock.until })).toEqual(lock);
  });

  test.each([
    {
      what: 'an earlier lock',
      retention: { Mode: 'GOVERNANCE', RetainUntilDate: new Date('2029-01-01T00:00:00Z') },
    },
    { what: 'no lock', retention: undefined },
  ] as const)('passes a refusal on when the version has $what', async ({ retention }) => {
    s3.on(PutObjectRetentionCommand).rejects(denied);
    if (retention === undefined)
      s3.on(GetObjectRetentionCommand).rejects(sdkError('NoSuchObjectLockConfiguration', 404));
    else s3.on(GetObjectRetentionCommand).resolves({ Retention: retention });

    await expect(store.extendLock('n', 'v', lock)).rejects.toBeInstanceOf(AccessDeniedError);
  });

  test('says that the version is gone', async () => {
    s3.on(PutObjectRetentionCommand).rejects(sdkError('NoSuchVersion', 404));

    await expect(store.extendLock('n', 'v', lock)).rejects.toBeInstanceOf(ObjectNotFoundError);
  });
});

describe('removeVersion', () => {
  test('tells a missing right from a lock', async () => {
    s3.on(DeleteObjectCommand).rejects(sdkError('AccessDenied', 403));
    s3.on(GetObjectRetentionCommand).rejects(sdkError('NoSuchObjectLockConfiguration', 404));

    const refused = store.removeVersion('n', 'v');

    await expect(refused).rejects.toBeInstanceOf(AccessDeniedError);
    await expect(refused).rejects.not.toBeInstanceOf(ObjectLockedError);
  });

  test('succeeds when the version is gone, and not when the bucket is', async () => {
    s3.on(DeleteObjectCommand)
      .rejectsOnce(sdkError('NoSuchVersion', 404))
      .rejectsOnce(sdkError('NoSuchBucket', 404));

    await store.removeVersion('n', 'v');
    await expect(store.removeVersion('n', 'v')).rejects.toBeInstanceOf(UnknownNameError);
  });
});

describe('listVersions', () => {
  test('goes through all pages and undoes the encoding of keys', async () => {
    s3.on(ListObjectVersionsCommand)
      .resolvesOnce({
        Versions: [{ Key: 'a+b%0Ac', VersionId: '1', Size: 1 }],
        IsTruncated: true,
        NextKeyMarker: 'a+b%0Ac',
        NextVersionIdMarker: '1',
      })
      .resolvesOnce({
        Versions: [{ Key: '%C3%A4%2B', VersionId: '2', Size: 2 }],
        DeleteMarkers: [{ Key: 'x' }],
      });

    const listed = await allOf(store.listVersions('p'));

    expect(listed.map((one) => one.name)).toEqual(['a b\nc', 'ä+']);
    expect(s3.commandCalls(ListObjectVersionsCommand)[1]?.args[0].input).toMatchObject({
      KeyMarker: 'a b\nc',
      VersionIdMarker: '1',
    });
  });

  test('keeps names in the order of their bytes within a page, and refuses a store that does not over pages', async () => {
    s3.on(ListObjectVersionsCommand)
      .resolvesOnce({
        Versions: [
          { Key: '%C3%A4', VersionId: '1' },
          { Key: 'a', VersionId: 'newest' },
          { Key: 'a', VersionId: 'oldest' },
        ],
        IsTruncated: true,
        NextKeyMarker: 'a',
      })
      .resolvesOnce({ Versions: [{ Key: 'b', VersionId: '1' }] });
    const listed: string[] = [];

    const listing = (async () => {
      for await (const { name, versionId } of store.listVersions('')) listed.push(`${name} ${versionId}`);
    })();

    await expect(listing).rejects.toBeInstanceOf(NotSupportedError);
    expect(listed).toEqual(['a newest', 'a oldest', 'ä 1']);
  });
});

describe('an upload in parts', () => {
  const part = utf8('part');
  const sha256 = createHash('sha256').update(part).digest();
  const composite = `${createHash('sha256').update(sha256).digest('base64')}-1`;

  beforeEach(() => {
    s3.on(CreateMultipartUploadCommand).resolves({ UploadId: 'u' });
    s3.on(UploadPartCommand).resolves({ ETag: '"e"' });
  });

  test('is completed on the condition that the name is free, with the checksum of every part', async () => {
    s3.on(CompleteMultipartUploadCommand).resolves({ VersionId: 'v' });
    s3.on(HeadObjectCommand).resolves({ ContentLength: 4, LastModified: new Date(0) });
    const upload = await store.startMultipart('n', {});
    await upload.addPart(part);

    expect(await upload.complete()).toEqual({ name: 'n', versionId: 'v', bytes: 4, storedAt: new Date(0) });

    expect(s3.commandCalls(CompleteMultipartUploadCommand)[0]?.args[0].input).toMatchObject({
      IfNoneMatch: '*',
      UploadId: 'u',
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: '"e"', ChecksumSHA256: sha256.toString('base64') }] },
    });
  });

  test('sets the lock when S3 did not, and fails when it still is not there', async () => {
    s3.on(CompleteMultipartUploadCommand).resolves({ VersionId: 'v' });
    s3.on(HeadObjectCommand).resolves({ ContentLength: 4, LastModified: new Date(0) });
    s3.on(PutObjectRetentionCommand).resolves({});
    const upload = await store.startMultipart('n', { lock });
    await upload.addPart(part);

    await expect(upload.complete()).rejects.toBeInstanceOf(ObjectLockMissingError);
    expect(s3.commandCalls(PutObjectRetentionCommand)).toHaveLength(1);
  });

  test.each([
    { what: 'its own', checksum: composite, error: sdkError('NoSuchUpload', 404), ends: 'v' },
    { what: 'its own', checksum: composite, error: sdkError('PreconditionFailed', 412), ends: 'v' },
    { what: 'a foreign', checksum: 'x-1', error: sdkError('NoSuchUpload', 404), ends: ObjectNotFoundError },
    {
      what: 'a foreign',
      checksum: 'x-1',
      error: sdkError('PreconditionFailed', 412),
      ends: ObjectExistsError,
    },
  ])('refused with $error.name where the name has $what version', async ({ checksum, error, ends }) => {
    s3.on(CompleteMultipartUploadCommand).rejects(error);
    s3.on(ListObjectVersionsCommand).resolves({ Versions: [{ Key: 'n', VersionId: 'v', Size: 4 }] });
    s3.on(HeadObjectCommand).resolves({
      ContentLength: 4,
      LastModified: new Date(0),
      ChecksumSHA256: checksum,
    });
    const upload = await store.startMultipart('n');
    await upload.addPart(part);

    const completed = upload.complete();

    if (typeof ends === 'string') expect((await completed).versionId).toBe(ends);
    else await expect(completed).rejects.toBeInstanceOf(ends);
  });
});

function answer(body: () => Promise<Uint8Array>, contentRange?: string): GetObjectCommandOutput {
  return {
    Body: { transformToByteArray: body },
    ContentRange: contentRange,
  } as unknown as GetObjectCommandOutput;
}
