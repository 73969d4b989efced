import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { S3TargetBucket, SystemClock, SystemRandom } from '@holdfast/aws';
import { TargetUnavailableError, utf8 } from '@holdfast/engine';
import { allOf, targetBucketContract } from '@holdfast/engine/testing';
import { makeBucket, makeVaultBucket, putPlain } from './support/buckets.ts';
import { connect } from './support/emulated-aws.ts';

const { s3 } = connect();

function targetOf(bucket: string): S3TargetBucket {
  return new S3TargetBucket(s3, bucket, new SystemClock(), new SystemRandom());
}

targetBucketContract({
  name: 'a bucket of S3',
  make: async () => {
    const Bucket = await makeBucket(s3);
    const switchTo = async (Status: 'Enabled' | 'Suspended') =>
      void (await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } })));
    await switchTo('Enabled');
    return {
      bucket: targetOf(Bucket),
      put: async (name, content) => void (await putPlain(s3, Bucket, name, utf8(content))),
      versionsOf: async (name) => {
        const { Versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
        const contents: string[] = [];
        for (const { Key, VersionId } of Versions) {
          if (Key !== name) continue;
          const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, VersionId }));
          contents.push((await Body?.transformToString()) ?? '');
        }
        return contents;
      },
      forgetVersions: async () => switchTo('Suspended'),
    };
  },
});

test('an object under lock and legal hold is hidden, and its version stays locked', async () => {
  const Bucket = await makeVaultBucket(s3);
  const lock = {
    ObjectLockMode: 'COMPLIANCE',
    ObjectLockRetainUntilDate: new Date(Date.now() + 3_600_000),
  } as const;
  const held = { Bucket, Key: 'held', Body: 'x', ObjectLockLegalHoldStatus: 'ON', ...lock } as const;
  const { VersionId } = await s3.send(new PutObjectCommand(held));
  const target = targetOf(Bucket);
  const [object] = await allOf(target.list(['']));
  if (object === undefined) throw new Error('an object was put');

  expect(await target.hide(object)).toBe('hidden');

  expect(await allOf(target.list(['']))).toEqual([]);
  await expect(s3.send(new DeleteObjectCommand({ Bucket, Key: 'held', VersionId }))).rejects.toThrow();
});

test('a bucket that never had versions is refused with what to do', async () => {
  const bucket = await makeBucket(s3);

  const refusal = targetOf(bucket).checkKeepsVersions();

  await expect(refusal).rejects.toThrow(TargetUnavailableError);
  await expect(refusal).rejects.toThrow(
    `aws s3api put-bucket-versioning --bucket ${bucket} --versioning-configuration`,
  );
});

test('a bucket that is not there has no objects to tell of', async () => {
  await expect(allOf(targetOf('holdfast-nowhere').list(['']))).rejects.toThrow(TargetUnavailableError);
});
