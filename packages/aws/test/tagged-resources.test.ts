import { DescribeInstancesCommand, DescribeVolumesCommand, EC2Client } from '@aws-sdk/client-ec2';
import {
  GetResourcesCommand,
  ResourceGroupsTaggingAPIClient,
} from '@aws-sdk/client-resource-groups-tagging-api';
import { GetBucketTaggingCommand, S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { StoreUnavailableError } from '@holdfast/engine';
import { type Discovery, type TaggedResource, TaggedResources } from '../src/sources/tagged-resources.ts';
import { sdkError } from './sdk-failures.ts';

const tagging = mockClient(ResourceGroupsTaggingAPIClient);
const s3 = mockClient(S3Client);
const ec2 = mockClient(EC2Client);
afterAll(() => [tagging, s3, ec2].forEach((client) => client.restore()));
const options = { region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } };
const resources = new TaggedResources(
  {
    tagging: new ResourceGroupsTaggingAPIClient(options),
    s3: new S3Client(options),
    ec2: new EC2Client(options),
  },
  'holdfast:plan',
);
const tags = [{ Key: 'holdfast:plan', Value: 'daily' }];
const instanceArn = 'arn:aws:ec2:us-east-1:000000000000:instance/i-1';

async function discoverAll(from?: Discovery): Promise<TaggedResource[]> {
  const groups = await Array.fromAsync(resources.discover(from));
  return groups.flatMap((group) => group.resources);
}

const arnsOf = (found: readonly TaggedResource[]) => found.map(({ arn }) => arn);
const pagesAsked = () =>
  tagging.commandCalls(GetResourcesCommand).map((call) => call.args[0].input.PaginationToken);

/** Every group is found by a call of its own. */
async function oneGroupACall(): Promise<TaggedResource[]> {
  const found: TaggedResource[] = [];
  for (let left: Discovery | undefined; ;) {
    const next = await resources.discover(left).next();
    if (next.done === true) return found;
    found.push(...next.value.resources);
    left = JSON.parse(JSON.stringify(next.value.left)) as Discovery;
  }
}

beforeEach(() => {
  tagging.reset();
  s3.reset();
  ec2.reset();
});

test('goes through all pages of the index, and passes over what is not a bucket, an instance or a volume', async () => {
  tagging
    .on(GetResourcesCommand)
    .resolvesOnce({
      ResourceTagMappingList: [{ ResourceARN: 'arn:aws:s3:::one', Tags: tags }],
      PaginationToken: 'next',
    })
    .resolvesOnce({
      ResourceTagMappingList: [
        { ResourceARN: 'arn:aws:s3:::two', Tags: tags },
        { ResourceARN: 'arn:aws:s3:us-east-1:1:storage-lens/x', Tags: tags },
        { ResourceARN: 'arn:aws:s3:::untagged', Tags: [] },
      ],
      PaginationToken: '',
    });
  s3.on(GetBucketTaggingCommand).resolves({ TagSet: tags });

  const found = await discoverAll();

  expect(found.map((one) => one.arn)).toEqual(['arn:aws:s3:::one', 'arn:aws:s3:::two']);
  expect(s3.commandCalls(GetBucketTaggingCommand)).toHaveLength(2);
});

test('leaves out what the service itself does not confirm', async () => {
  tagging.on(GetResourcesCommand).resolves({
    ResourceTagMappingList: [
      { ResourceARN: 'arn:aws:s3:::gone', Tags: tags },
      { ResourceARN: instanceArn, Tags: tags },
      { ResourceARN: 'arn:aws:ec2:us-east-1:000000000000:volume/vol-1', Tags: tags },
    ],
  });
  s3.on(GetBucketTaggingCommand).rejects(sdkError('NoSuchTagSet', 404));
  ec2.on(DescribeInstancesCommand).resolves({
    Reservations: [{ Instances: [{ InstanceId: 'i-1', State: { Name: 'terminated' }, Tags: tags }] }],
  });
  ec2.on(DescribeVolumesCommand).resolves({ Volumes: [{ VolumeId: 'vol-1', State: 'available', Tags: [] }] });

  expect(await discoverAll()).toEqual([]);
});

test('reports a bucket whose tags may not be read instead of leaving it out', async () => {
  tagging
    .on(GetResourcesCommand)
    .resolves({ ResourceTagMappingList: [{ ResourceARN: 'arn:aws:s3:::shy', Tags: tags }] });
  s3.on(GetBucketTaggingCommand).rejects(sdkError('AccessDenied', 403));

  const found = await discoverAll();

  expect(found).toMatchObject([{ arn: 'arn:aws:s3:::shy', plan: 'daily' }]);
  expect(found[0]?.problem).toContain('s3:GetBucketTagging');
});

test('reports a bucket that S3 refuses for any reason, and goes on with the others', async () => {
  tagging.on(GetResourcesCommand).resolves({
    ResourceTagMappingList: ['moved', 'good'].map((name) => ({
      ResourceARN: `arn:aws:s3:::${name}`,
      Tags: tags,
    })),
  });
  s3.on(GetBucketTaggingCommand, { Bucket: 'moved' }).rejects(sdkError('PermanentRedirect', 301));
  s3.on(GetBucketTaggingCommand, { Bucket: 'good' }).resolves({ TagSet: tags });

  const [moved, good] = await discoverAll();

  expect(good).not.toHaveProperty('problem');
  expect(moved?.problem).toMatch(/bucket moved.*PermanentRedirect/);
});

test('takes the right spelling when a resource has two, and reports one that has only the wrong', async () => {
  const wrong = { Key: 'Holdfast:Plan', Value: 'weekly' };
  tagging.on(GetResourcesCommand).resolves({
    ResourceTagMappingList: [
      { ResourceARN: 'arn:aws:s3:::both', Tags: [wrong, ...tags] },
      { ResourceARN: 'arn:aws:s3:::wrong', Tags: [wrong] },
    ],
  });
  s3.on(GetBucketTaggingCommand, { Bucket: 'both' }).resolves({ TagSet: [wrong, ...tags] });
  s3.on(GetBucketTaggingCommand, { Bucket: 'wrong' }).resolves({ TagSet: [wrong] });

  const [both, misspelled] = await discoverAll();

  expect(both).toEqual({
    arn: 'arn:aws:s3:::both',
    kind: 's3-bucket',
    plan: 'daily',
    tags: { 'Holdfast:Plan': 'weekly', 'holdfast:plan': 'daily' },
  });
  expect(misspelled).toMatchObject({ plan: 'weekly' });
  expect(misspelled?.problem).toMatch(/"Holdfast:Plan".*"holdfast:plan"/);
});

test('carries all tags as the service has them, not as the index remembers them', async () => {
  const now = [...tags, { Key: 'case', Value: '42' }];
  tagging.on(GetResourcesCommand).resolves({
    ResourceTagMappingList: [
      { ResourceARN: 'arn:aws:s3:::one', Tags: tags },
      { ResourceARN: instanceArn, Tags: tags },
      { ResourceARN: 'arn:aws:ec2:us-east-1:000000000000:volume/vol-1', Tags: tags },
    ],
  });
  s3.on(GetBucketTaggingCommand).resolves({ TagSet: now });
  ec2
    .on(DescribeInstancesCommand)
    .resolves({ Reservations: [{ Instances: [{ InstanceId: 'i-1', Tags: now }] }] });
  ec2
    .on(DescribeVolumesCommand)
    .resolves({ Volumes: [{ VolumeId: 'vol-1', State: 'available', Tags: now }] });

  const found = await discoverAll();

  expect(found).toHaveLength(3);
  for (const one of found) expect(one.tags).toEqual({ 'holdfast:plan': 'daily', case: '42' });
});

test('goes on from where any group stopped, and knows the instances of volumes then', async () => {
  const volumeArns = Array.from(
    { length: 201 },
    (_, n) => `arn:aws:ec2:us-east-1:000000000000:volume/vol-${n}`,
  );
  tagging.on(GetResourcesCommand).resolves({
    ResourceTagMappingList: ['arn:aws:s3:::one', ...volumeArns, instanceArn].map((ResourceARN) => ({
      ResourceARN,
      Tags: tags,
    })),
  });
  s3.on(GetBucketTaggingCommand).resolves({ TagSet: tags });
  const BlockDeviceMappings = [{ Ebs: { VolumeId: 'vol-200' } }];
  ec2
    .on(DescribeInstancesCommand)
    .resolves({ Reservations: [{ Instances: [{ InstanceId: 'i-1', Tags: tags, BlockDeviceMappings }] }] });
  ec2.on(DescribeVolumesCommand).callsFake(async ({ Filters }) => ({
    Volumes: Filters[0].Values.map((VolumeId: string) => ({ VolumeId, State: 'in-use', Tags: tags })),
  }));

  const groups = await Array.fromAsync(resources.discover());

  expect(groups.map((group) => group.resources.length)).toEqual([0, 1, 200, 1, 1]);
  const all = groups.flatMap((group) => group.resources);
  expect(all.filter(({ partOf }) => partOf === instanceArn).map(({ arn }) => arn)).toEqual([
    'arn:aws:ec2:us-east-1:000000000000:volume/vol-200',
  ]);
  let before = 0;
  for (const group of groups) {
    before += group.resources.length;
    const left = JSON.parse(JSON.stringify(group.left)) as Discovery;
    expect(await discoverAll(left)).toEqual(all.slice(before));
  }
  expect(tagging.commandCalls(GetResourcesCommand)).toHaveLength(1);
});

describe('a listing of the index', () => {
  const pages = ['one', 'two', 'three'];
  const page = (index: number) => ({
    ResourceTagMappingList: [{ ResourceARN: `arn:aws:s3:::${pages[index]}`, Tags: tags }],
    PaginationToken: index + 1 < pages.length ? `page-${index + 1}` : '',
  });
  const all = pages.map((name) => `arn:aws:s3:::${name}`);

  beforeEach(() => {
    tagging
      .on(GetResourcesCommand)
      .callsFake(async ({ PaginationToken: token }) => page(token === undefined ? 0 : Number(token.at(-1))));
    s3.on(GetBucketTaggingCommand).resolves({ TagSet: tags });
  });

  test('is handed on between any two of its pages', async () => {
    const found = await oneGroupACall();

    expect(arnsOf(found)).toEqual(all);
    expect(pagesAsked()).toEqual([undefined, 'page-1', 'page-2']);
  });

  test('begins again when a call comes too late for its next page, and finds each resource once', async () => {
    tagging
      .on(GetResourcesCommand, { PaginationToken: 'page-2' })
      .rejectsOnce(sdkError('PaginationTokenExpiredException', 400))
      .resolves(page(2));

    const found = await oneGroupACall();

    expect(arnsOf(found)).toEqual(all);
    expect(pagesAsked()).toEqual([undefined, 'page-1', 'page-2', undefined, 'page-1', 'page-2']);
  });

  test('ends with the error of the service when it is too late every time', async () => {
    tagging
      .on(GetResourcesCommand, { PaginationToken: 'page-1' })
      .rejects(sdkError('PaginationTokenExpiredException', 400));

    await expect(oneGroupACall()).rejects.toThrow('PaginationTokenExpired');
    expect(pagesAsked()).toHaveLength(6);
  });
});

test('passes a throttled service on, so that nothing looks unprotected by mistake', async () => {
  tagging.on(GetResourcesCommand).rejects(sdkError('ThrottledException', 400));

  await expect(discoverAll()).rejects.toBeInstanceOf(StoreUnavailableError);
});
