import { GetObjectCommand, GetObjectTaggingCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
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
