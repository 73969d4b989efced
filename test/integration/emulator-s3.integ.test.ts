import {
  CopyObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  InvalidObjectState,
  PutObjectCommand,
  RestoreObjectCommand,
} from '@aws-sdk/client-s3';
import { expect, test, vi } from 'vitest';
import { patienceMs } from '../support/patience.ts';
import { makeBucket, makeVaultBucket } from './support/buckets.ts';
import { connect } from './support/emulated-aws.ts';

const { s3 } = connect();

test('an object that is overwritten without tags has none', async () => {
  const Bucket = await makeBucket(s3);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: '1', Tagging: 'k=v' }));

  await s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: '2' }));

  expect((await s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'a' }))).TagSet).toEqual([]);
});

test('a range of a named version is all that is sent', async () => {
  const Bucket = await makeVaultBucket(s3);
  const { VersionId } = await s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: '0123456789' }));

  const answer = await s3.send(new GetObjectCommand({ Bucket, Key: 'a', VersionId, Range: 'bytes=2-4' }));

  expect(await answer.Body?.transformToString()).toBe('234');
  expect(answer).toMatchObject({ ContentLength: 3, ContentRange: 'bytes 2-4/10', VersionId });
});

test('of an object in the archive each version is thawed by itself', async () => {
  const object = { Bucket: await makeVaultBucket(s3), Key: 'a b' };
  const put = async (Body: string) =>
    (await s3.send(new PutObjectCommand({ ...object, Body, StorageClass: 'DEEP_ARCHIVE' }))).VersionId;
  const [old, current] = [await put('old'), await put('current')];
  const read = async (VersionId: string | undefined) =>
    (await s3.send(new GetObjectCommand({ ...object, VersionId }))).Body?.transformToString();
  const restored = async (VersionId: string | undefined) =>
    (await s3.send(new HeadObjectCommand({ ...object, VersionId }))).Restore;

  await s3.send(new RestoreObjectCommand({ ...object, VersionId: old, RestoreRequest: { Days: 1 } }));
  await vi.waitUntil(async () => (await restored(old))?.startsWith('ongoing-request="false"'), patienceMs);

  expect(await read(old)).toBe('old');
  expect(await restored(current)).toBeUndefined();
  await expect(read(current)).rejects.toBeInstanceOf(InvalidObjectState);
  const copy = { Bucket: object.Bucket, Key: 'copy', CopySource: `${object.Bucket}/a%20b` };
  await expect(s3.send(new CopyObjectCommand(copy))).rejects.toMatchObject({
    $metadata: { httpStatusCode: 403 },
  });
  await s3.send(new CopyObjectCommand({ ...copy, CopySource: `${copy.CopySource}?versionId=${old}` }));
});
