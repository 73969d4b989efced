import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { utf8 } from '@holdfast/engine';
import { mockClient } from 'aws-sdk-client-mock';
import { expect, test } from 'vitest';
import { S3WorkStore } from '../src/store/s3-work-store.ts';
import { sdkError } from './sdk-failures.ts';

test('a name that was written before is an answer, not an error', async () => {
  const s3 = new S3Client({});
  const mock = mockClient(s3);
  mock.on(PutObjectCommand).resolvesOnce({}).rejects(sdkError('PreconditionFailed', 412));
  const work = new S3WorkStore(s3, 'work');

  const outcomes = [await work.putNew('plan', utf8('a')), await work.putNew('plan', utf8('b'))];

  expect(outcomes).toEqual(['written', 'taken']);
  expect(mock.call(0).args[0].input).toMatchObject({ Bucket: 'work', Key: 'plan', IfNoneMatch: '*' });
});

test('another writer at the same name is waited for: nobody knows yet what will be there', async () => {
  const s3 = new S3Client({});
  mockClient(s3).on(PutObjectCommand).rejects(sdkError('ConditionalRequestConflict', 409));

  const written = new S3WorkStore(s3, 'work').putNew('plan', utf8('a'));

  await expect(written).rejects.toMatchObject({ name: 'StoreUnavailableError' });
});

test('a file that is not there is missing, not refused', async () => {
  const s3 = new S3Client({});
  mockClient(s3).on(GetObjectCommand).rejects(sdkError('NoSuchKey', 404));

  const read = new S3WorkStore(s3, 'work').get('plan');

  await expect(read).rejects.toMatchObject({ name: 'ObjectNotFoundError' });
});
