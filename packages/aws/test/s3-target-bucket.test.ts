import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { TargetEntryError, utf8 } from '@holdfast/engine';
import { FakeClock, SeededRandom } from '@holdfast/engine/testing';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, expect, test } from 'vitest';
import { S3TargetBucket } from '../src/targets/s3-target-bucket.ts';

const s3 = mockClient(S3Client);
afterAll(() => s3.restore());

test('an object that was listed without an ETag stays: without one, nothing would be asked of what is deleted', async () => {
  s3.on(DeleteObjectCommand).resolves({ DeleteMarker: true, VersionId: 'v' });
  const client = new S3Client({ region: 'us-east-1' });
  const bucket = new S3TargetBucket(client, 'b', new FakeClock(), new SeededRandom());

  const hiding = bucket.hide({ path: utf8('k'), size: 1, changeToken: '' });

  await expect(hiding).rejects.toThrow(TargetEntryError);
  expect(s3.calls()).toHaveLength(0);
});
