import { EC2Client } from '@aws-sdk/client-ec2';
import { KMSClient } from '@aws-sdk/client-kms';
import {
  GetBucketAbacCommand,
  GetBucketTaggingCommand,
  PutBucketTaggingCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { S3ControlClient } from '@aws-sdk/client-s3-control';
import { InvalidInputError, type ResourceArn } from '@holdfast/engine';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, test } from 'vitest';
import { SourceTags } from '../src/inventory/source-tags.ts';

const region = 'eu-west-1';
const account = '111122223333';
const photos = 'arn:aws:s3:::photos' as ResourceArn;
const s3Client = new S3Client({ region });
const s3 = mockClient(s3Client);
const tags = new SourceTags(
  {
    s3: s3Client,
    s3Control: new S3ControlClient({ region }),
    ec2: new EC2Client({ region }),
    kms: new KMSClient({ region }),
  },
  async () => Promise.resolve(account),
);

function refusal(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error('no'), { name, $metadata: { httpStatusCode } });
}

beforeEach(() => {
  s3.reset();
  s3.onAnyCommand().resolves({});
});

test('looks at buckets of its own account only, and tags no others', async () => {
  await tags.put(photos, 'holdfast:plan', 'daily');

  expect(
    s3.calls().map(({ args }) => (args[0].input as { ExpectedBucketOwner?: string }).ExpectedBucketOwner),
  ).toEqual(s3.calls().map(() => account));
  expect(s3.commandCalls(PutBucketTaggingCommand)).toHaveLength(1);
});

test('says that a bucket is in another region', async () => {
  s3.on(GetBucketTaggingCommand).rejects(refusal('PermanentRedirect', 301));

  await expect(tags.look(photos)).rejects.toThrow(InvalidInputError);
  await expect(tags.look(photos)).rejects.toThrow(
    'bucket photos is in another region; name that with --region',
  );
});

test('does without knowing whether a tag decides, where nobody may ask', async () => {
  s3.on(GetBucketAbacCommand).rejects(refusal('AccessDenied', 403));

  expect(await tags.look(photos)).toMatchObject({ isDecidedByTag: undefined, tags: {} });
});
