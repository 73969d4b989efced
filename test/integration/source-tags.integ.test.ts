import { PutBucketAbacCommand, PutBucketTaggingCommand } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, expect, test } from 'vitest';
import { makeInventoryClients, SourceTags } from '@holdfast/aws/inventory';
import { type ResourceArn, UnknownNameError } from '@holdfast/engine';
import { findGap, testUnless } from '../support/gaps.ts';
import { makeBucket } from './support/buckets.ts';
import { connect, uniqueName } from './support/emulated-aws.ts';
import { makeVolume, startMachine } from './support/machines.ts';

const clients = connect();
const more = makeInventoryClients();
const noGateway = await findGap('gateway');
const accountOf = async () => (await clients.sts.send(new GetCallerIdentityCommand({}))).Account ?? '';
const tags = new SourceTags({ ...clients, ...more }, accountOf);
const key = 'holdfast:plan';

afterAll(() => {
  for (const client of Object.values(more)) client.destroy();
});

const arnOf = (bucket: string) => `arn:aws:s3:::${bucket}` as ResourceArn;

async function ec2Arn(kind: 'instance' | 'volume', id: string): Promise<ResourceArn> {
  const region = await clients.s3.config.region();
  return `arn:aws:ec2:${region}:${await accountOf()}:${kind}/${id}` as ResourceArn;
}

test('sets one tag of a bucket, and keeps the others', async () => {
  const bucket = await makeBucket(clients.s3);
  await clients.s3.send(
    new PutBucketTaggingCommand({ Bucket: bucket, Tagging: { TagSet: [{ Key: 'team', Value: 'web' }] } }),
  );

  await tags.put(arnOf(bucket), key, 'daily');

  expect(await tags.look(arnOf(bucket))).toEqual({
    tags: { team: 'web', [key]: 'daily' },
    isDecidedByTag: false,
    customerKeys: [],
  });
});

testUnless(noGateway)('sets it where ABAC is enabled, which refuses the old call', async () => {
  const bucket = await makeBucket(clients.s3);
  await clients.s3.send(new PutBucketAbacCommand({ Bucket: bucket, AbacStatus: { Status: 'Enabled' } }));

  await tags.put(arnOf(bucket), key, 'daily');

  expect(await tags.look(arnOf(bucket))).toMatchObject({ tags: { [key]: 'daily' }, isDecidedByTag: true });
});

testUnless(noGateway)('tags instances and volumes', async () => {
  const [instance, volume] = [
    await startMachine(clients.ec2, { team: 'web' }),
    await makeVolume(clients.ec2, {}),
  ];
  const arns = [await ec2Arn('instance', instance), await ec2Arn('volume', volume)];

  for (const arn of arns) {
    await tags.put(arn, key, 'daily');
    expect(await tags.look(arn)).toMatchObject({ tags: { [key]: 'daily' }, isDecidedByTag: true });
  }
});

test('a bucket that is not there is unknown', async () => {
  await expect(tags.look(arnOf(uniqueName('no-such-bucket')))).rejects.toThrow(UnknownNameError);
});
