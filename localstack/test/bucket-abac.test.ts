import {
  DeleteBucketTaggingCommand,
  GetBucketAbacCommand,
  PutBucketAbacCommand,
  PutBucketTaggingCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { startFixture } from './gateway-fixture.ts';

test('a bucket on which ABAC is enabled refuses the old calls for tags, until it is disabled', async () => {
  const fixture = await startFixture();
  const s3 = new S3Client(fixture.clientOptions);
  const id = { Bucket: 'photos' };
  const tags = { ...id, Tagging: { TagSet: [{ Key: 'a', Value: 'b' }] } };

  await s3.send(new PutBucketAbacCommand({ ...id, AbacStatus: { Status: 'Enabled' } }));

  expect((await s3.send(new GetBucketAbacCommand(id))).AbacStatus).toEqual({ Status: 'Enabled' });
  await expect(s3.send(new PutBucketTaggingCommand(tags))).rejects.toThrow('use TagResource');
  await expect(s3.send(new DeleteBucketTaggingCommand(id))).rejects.toThrow('use TagResource');
  expect(fixture.upstreamCalls).toEqual([]);
  await s3.send(new PutBucketAbacCommand({ ...id, AbacStatus: { Status: 'Disabled' } }));
  await s3.send(new PutBucketTaggingCommand(tags));
  expect(fixture.upstreamCalls).toHaveLength(1);
});
