import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectLegalHoldCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  PutObjectLegalHoldCommand,
  RestoreObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  AccessDeniedError,
  InvalidInputError,
  ObjectLockedError,
  ObjectLockMissingError,
  ObjectNotFoundError,
  StoreUnavailableError,
} from '@holdfast/engine';
import { FakeClock } from '@holdfast/engine/testing';
import { S3ObjectStore } from '../src/store/s3-object-store.ts';
import { sdkError } from './sdk-failures.ts';

const s3 = mockClient(S3Client);
afterAll(() => s3.restore());
const client = new S3Client({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
const store = new S3ObjectStore({ s3: client, s3WithoutRetries: client }, 'vault', new FakeClock(), {
  expectedBucketOwner: '123456789012',
});
const vault = { Bucket: 'vault', ExpectedBucketOwner: '123456789012', Key: 'n', VersionId: 'v' };
const denied = sdkError('AccessDenied', 403);
const unlocked = sdkError('NoSuchObjectLockConfiguration', 404);

beforeEach(() => {
  s3.reset();
});

describe('a legal hold', () => {
  test.each([
    { on: true, status: 'ON' },
    { on: false, status: 'OFF' },
  ])('is switched $status on one version of the right owner', async ({ on, status }) => {
    s3.on(PutObjectLegalHoldCommand).resolves({});

    await store.setLegalHold('n', 'v', on);

    expect(s3.commandCalls(PutObjectLegalHoldCommand)[0]?.args[0].input).toEqual({
      ...vault,
      LegalHold: { Status: status },
    });
  });

  test.each([
    { error: sdkError('NoSuchKey', 404), named: ObjectNotFoundError },
    { error: sdkError('NoSuchVersion', 404), named: ObjectNotFoundError },
    {
      error: sdkError('InvalidArgument', 400, 'Invalid version id specified'),
      named: ObjectNotFoundError,
    },
    { error: sdkError('InvalidRequest', 400), named: ObjectLockMissingError },
    { error: denied, named: AccessDeniedError },
    { error: sdkError('SlowDown', 503), named: StoreUnavailableError },
  ])('refused with $error.name is $named.name', async ({ error, named }) => {
    s3.on(PutObjectLegalHoldCommand).rejects(error);

    await expect(store.setLegalHold('n', 'v', true)).rejects.toBeInstanceOf(named);
  });

  test.each([
    { status: 'ON', legalHold: true },
    { status: 'OFF', legalHold: undefined },
    { status: undefined, legalHold: undefined },
  ] as const)('that S3 calls $status is seen as $legalHold', async ({ status, legalHold }) => {
    s3.on(HeadObjectCommand).resolves({ ObjectLockLegalHoldStatus: status });

    expect((await store.head('n', { versionId: 'v' })).legalHold).toBe(legalHold);
  });

  test.each([unlocked, denied])('explains a refused deletion where the lock is $name', async (error) => {
    s3.on(DeleteObjectCommand).rejects(denied);
    s3.on(GetObjectRetentionCommand).rejects(error);
    s3.on(GetObjectLegalHoldCommand, vault).resolves({ LegalHold: { Status: 'ON' } });

    await expect(store.removeVersion('n', 'v')).rejects.toBeInstanceOf(ObjectLockedError);
  });

  test.each([{ LegalHold: { Status: 'OFF' } }, {}] as const)(
    'that is not on (%j) does not: the right is missing',
    async (answer) => {
      s3.on(DeleteObjectCommand).rejects(denied);
      s3.on(GetObjectRetentionCommand).rejects(unlocked);
      s3.on(GetObjectLegalHoldCommand).resolves(answer);

      await expect(store.removeVersion('n', 'v')).rejects.toBeInstanceOf(AccessDeniedError);
    },
  );

  test('that may not be read does not either', async () => {
    s3.on(DeleteObjectCommand).rejects(denied);
    s3.on(GetObjectRetentionCommand).rejects(unlocked);
    s3.on(GetObjectLegalHoldCommand).rejects(denied);

    await expect(store.removeVersion('n', 'v')).rejects.toBeInstanceOf(AccessDeniedError);
  });
});

describe('an archived object', () => {
  const until = new Date('2026-12-04T00:00:00Z');

  test.each([
    { StorageClass: undefined, thaw: undefined },
    { StorageClass: 'GLACIER_IR', thaw: undefined },
    { StorageClass: 'GLACIER', thaw: { state: 'frozen' } },
    { StorageClass: 'DEEP_ARCHIVE', Restore: 'ongoing-request="true"', thaw: { state: 'thawing' } },
    {
      StorageClass: 'GLACIER',
      Restore: 'ongoing-request="false", expiry-date="Fri, 04 Dec 2026 00:00:00 GMT"',
      thaw: { state: 'thawed', until },
    },
    { StorageClass: 'INTELLIGENT_TIERING', thaw: undefined },
    { StorageClass: 'INTELLIGENT_TIERING', ArchiveStatus: 'ARCHIVE_ACCESS', thaw: { state: 'frozen' } },
    {
      StorageClass: 'INTELLIGENT_TIERING',
      ArchiveStatus: 'DEEP_ARCHIVE_ACCESS',
      Restore: 'ongoing-request="true"',
      thaw: { state: 'thawing' },
    },
  ] as const)(
    'of $StorageClass $ArchiveStatus with $Restore is seen as $thaw',
    async ({ thaw, ...answer }) => {
      s3.on(HeadObjectCommand).resolves(answer);

      expect((await store.head('n', { versionId: 'v' })).thaw).toEqual(thaw);
    },
  );

  test.each([
    { speed: 'expedited', Tier: 'Expedited' },
    { speed: 'standard', Tier: 'Standard' },
    { speed: 'bulk', Tier: 'Bulk' },
  ] as const)('is asked for at speed $speed, for some days', async ({ speed, Tier }) => {
    s3.on(HeadObjectCommand).resolves({ StorageClass: 'GLACIER' });
    s3.on(RestoreObjectCommand).resolves({});

    await store.thaw('n', 'v', { days: 3, speed });

    expect(s3.commandCalls(RestoreObjectCommand)[0]?.args[0].input).toEqual({
      ...vault,
      RestoreRequest: { Days: 3, GlacierJobParameters: { Tier } },
    });
  });

  test('of Intelligent-Tiering is asked for without days, as it moves back for good', async () => {
    s3.on(HeadObjectCommand).resolves({ ArchiveStatus: 'ARCHIVE_ACCESS' });
    s3.on(RestoreObjectCommand).resolves({});

    await store.thaw('n', 'v', { days: 3, speed: 'bulk' });

    expect(s3.commandCalls(RestoreObjectCommand)[0]?.args[0].input.RestoreRequest).toEqual({
      GlacierJobParameters: { Tier: 'Bulk' },
    });
  });

  test.each([
    { what: 'thaws', answer: { StorageClass: 'GLACIER', Restore: 'ongoing-request="true"' } },
    {
      what: 'is thawed',
      answer: {
        StorageClass: 'GLACIER',
        Restore: 'ongoing-request="false", expiry-date="Fri, 04 Dec 2026 00:00:00 GMT"',
      },
    },
    { what: 'is not archived', answer: { StorageClass: 'STANDARD_IA' } },
  ] as const)('that $what is not asked for again', async ({ answer }) => {
    s3.on(HeadObjectCommand).resolves(answer);

    await store.thaw('n', 'v', { days: 3, speed: 'bulk' });

    expect(s3.commandCalls(RestoreObjectCommand)).toHaveLength(0);
  });

  test.each([
    sdkError('RestoreAlreadyInProgress', 409),
    sdkError('InvalidObjectState', 403),
    sdkError('ObjectAlreadyInActiveTierError', 403),
  ])('that somebody else thawed meanwhile ($name) is a success', async (error) => {
    s3.on(HeadObjectCommand).resolves({ StorageClass: 'GLACIER' });
    s3.on(RestoreObjectCommand).rejects(error);

    await expect(store.thaw('n', 'v', { days: 3, speed: 'bulk' })).resolves.toBeUndefined();
  });

  test.each([
    { error: sdkError('InvalidArgument', 400), named: InvalidInputError },
    { error: sdkError('GlacierExpeditedRetrievalNotAvailable', 503), named: StoreUnavailableError },
    { error: denied, named: AccessDeniedError },
    { error: sdkError('NoSuchKey', 404), named: ObjectNotFoundError },
  ])('refused with $error.name is $named.name', async ({ error, named }) => {
    s3.on(HeadObjectCommand).resolves({ StorageClass: 'DEEP_ARCHIVE' });
    s3.on(RestoreObjectCommand).rejects(error);

    await expect(store.thaw('n', 'v', { days: 3, speed: 'expedited' })).rejects.toBeInstanceOf(named);
  });

  test('that is gone is named', async () => {
    s3.on(HeadObjectCommand).rejects(sdkError('NotFound', 404));
    s3.on(GetObjectCommand).rejects(sdkError('NoSuchVersion', 404));

    await expect(store.thaw('n', 'v', { days: 3, speed: 'bulk' })).rejects.toBeInstanceOf(
      ObjectNotFoundError,
    );
  });
});
