import { CreateTagsCommand, CreateVolumeCommand, DeleteTagsCommand } from '@aws-sdk/client-ec2';
import {
  GetResourcesCommand,
  ResourceGroupsTaggingAPIClient,
  type GetResourcesCommandInput,
} from '@aws-sdk/client-resource-groups-tagging-api';
import type { ServerResponse } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { startFixture, type GatewayFixture, type UpstreamHandler } from './gateway-fixture.ts';

const queueArns = ['one', 'two', 'three'].map((name) => `arn:aws:sqs:us-east-1:000000000000:${name}`);
const bucketArn = (name: string): string => `arn:aws:s3:::${name}`;

/** Pages over three tagged queues, with the offset as its token, and knows no bucket; as S3 it has some. */
const upstreamWith =
  (buckets: Readonly<Record<string, string | undefined>> = {}): UpstreamHandler =>
  (call, response) => {
    if (call.method === 'GET') return answerS3(call.path, buckets, response);
    const { PaginationToken, ResourcesPerPage = 100 } = JSON.parse(
      call.body.toString(),
    ) as GetResourcesCommandInput;
    const offset = Number(PaginationToken || 0);
    const end = offset + ResourcesPerPage;
    const page = queueArns
      .slice(offset, end)
      .map((ResourceARN) => ({ ResourceARN, Tags: [{ Key: 'plan', Value: 'daily' }] }));
    const token = end < queueArns.length ? String(end) : '';
    response.end(JSON.stringify({ ResourceTagMappingList: page, PaginationToken: token }));
  };

/** ListBuckets one bucket at a time, and GetBucketTagging. */
function answerS3(
  path: string,
  buckets: Readonly<Record<string, string | undefined>>,
  response: ServerResponse,
): void {
  const url = new URL(path, 'http://upstream');
  const name = url.pathname.replaceAll('/', '');
  if (name !== '') {
    const plan = buckets[name];
    if (plan === undefined) response.writeHead(404).end('<Error><Code>NoSuchTagSet</Code></Error>');
    else response.end(`<Tagging><TagSet><Tag><Key>plan</Key><Value>${plan}</Value></Tag></TagSet></Tagging>`);
    return;
  }
  expect(url.searchParams.get('bucket-region')).toBe('us-east-1');
  const names = Object.keys(buckets);
  const index = Number(url.searchParams.get('continuation-token') ?? 0);
  const listed = index < names.length ? `<Bucket><Name>${names[index]}</Name></Bucket>` : '';
  const token = index + 1 < names.length ? `<ContinuationToken>${index + 1}</ContinuationToken>` : '';
  response.end(`<ListAllMyBucketsResult><Buckets>${listed}</Buckets>${token}</ListAllMyBucketsResult>`);
}

function tagging(fixture: GatewayFixture): ResourceGroupsTaggingAPIClient {
  const client = new ResourceGroupsTaggingAPIClient(fixture.clientOptions);
  onTestFinished(() => client.destroy());
  return client;
}

async function createVolume({ ec2 }: GatewayFixture, plan: string): Promise<string> {
  const TagSpecifications = [{ ResourceType: 'volume' as const, Tags: [{ Key: 'plan', Value: plan }] }];
  const volume = await ec2.send(
    new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', Size: 1, TagSpecifications }),
  );
  return volume.VolumeId!;
}

const arnOf = (volumeId: string): string => `arn:aws:ec2:us-east-1:000000000000:volume/${volumeId}`;

async function listArns(
  client: ResourceGroupsTaggingAPIClient,
  input: GetResourcesCommandInput,
): Promise<string[][]> {
  const pages: string[][] = [];
  let token: string | undefined;
  do {
    const answer = await client.send(new GetResourcesCommand({ ...input, PaginationToken: token }));
    pages.push(answer.ResourceTagMappingList!.map((one) => one.ResourceARN!));
    token = answer.PaginationToken;
  } while (token);
  return pages;
}

test("pages over the emulator's resources and then over our own with one kind of token", async () => {
  const fixture = await startFixture(upstreamWith({ photos: 'daily' }));
  const volumes = [await createVolume(fixture, 'daily'), await createVolume(fixture, 'daily')];

  const pages = await listArns(tagging(fixture), { ResourcesPerPage: 2 });

  expect(pages.map((page) => page.length)).toEqual([2, 2, 2]);
  expect(pages.flat()).toEqual([...queueArns, ...volumes.map(arnOf).sort(), bucketArn('photos')]);
});

test('finds buckets that the emulator does not, by tag and by type, in the pages that are asked for', async () => {
  const buckets = { one: 'daily', plain: undefined, three: 'daily', two: 'weekly' };
  const fixture = await startFixture(upstreamWith(buckets));
  await createVolume(fixture, 'daily');
  const client = tagging(fixture);
  const TagFilters = [{ Key: 'plan', Values: ['daily'] }];

  const all = await listArns(client, { ResourceTypeFilters: ['s3'], ResourcesPerPage: 2 });
  const daily = await listArns(client, { ResourceTypeFilters: ['s3:bucket'], TagFilters });
  const named = await listArns(client, { ResourceARNList: [bucketArn('two'), bucketArn('plain')] });
  const queues = await listArns(client, { ResourceTypeFilters: ['sqs'] });

  expect(all).toEqual([[bucketArn('one'), bucketArn('three')], [bucketArn('two')]]);
  expect(daily).toEqual([[bucketArn('one'), bucketArn('three')]]);
  expect(named).toEqual([[bucketArn('two')]]);
  expect(queues).toEqual([queueArns]);
});

test('still lists a bucket that lost its tags, as long as no tag is asked for', async () => {
  const buckets: Record<string, string | undefined> = { photos: 'daily' };
  const client = tagging(await startFixture(upstreamWith(buckets)));
  const ResourceTypeFilters = ['s3'];
  await listArns(client, { ResourceTypeFilters });
  buckets['photos'] = undefined;

  const all = await client.send(new GetResourcesCommand({ ResourceTypeFilters }));
  const tagged = await listArns(client, { ResourceTypeFilters, TagFilters: [{ Key: 'plan' }] });

  expect(all.ResourceTagMappingList).toEqual([{ ResourceARN: bucketArn('photos'), Tags: [] }]);
  expect(tagged).toEqual([[]]);
});

test.each<GetResourcesCommandInput>([
  { TagFilters: [{ Key: 'plan' }] },
  { ResourceTypeFilters: ['s3'] },
  { ResourcesPerPage: 10 },
])('refuses a list of ARNs together with %j', async (input) => {
  const client = tagging(await startFixture(upstreamWith()));

  const answer = client.send(new GetResourcesCommand({ ResourceARNList: [bucketArn('one')], ...input }));

  await expect(answer).rejects.toMatchObject({ name: 'InvalidParameterException' });
});

test('finds resources of EC2 by tag and by type, without asking the emulator for types that are only ours', async () => {
  const fixture = await startFixture(upstreamWith());
  const daily = await createVolume(fixture, 'daily');
  await createVolume(fixture, 'weekly');
  const client = tagging(fixture);
  const TagFilters = [{ Key: 'plan', Values: ['daily'] }];

  const found = await listArns(client, { TagFilters, ResourceTypeFilters: ['ec2:volume', 'ec2:instance'] });
  const others = await listArns(client, { ResourceTypeFilters: ['ec2:instance'] });

  expect(found).toEqual([[arnOf(daily)]]);
  expect(others).toEqual([[]]);
  expect(fixture.upstreamCalls).toEqual([]);
});

test('still lists a resource that lost its last tag, as long as no tag is asked for', async () => {
  const fixture = await startFixture(upstreamWith());
  const volumeId = await createVolume(fixture, 'daily');
  await fixture.ec2.send(new DeleteTagsCommand({ Resources: [volumeId] }));
  const client = tagging(fixture);
  const ResourceTypeFilters = ['ec2:volume'];

  const all = await client.send(new GetResourcesCommand({ ResourceTypeFilters }));
  const tagged = await listArns(client, { ResourceTypeFilters, TagFilters: [{ Key: 'plan' }] });

  expect(all.ResourceTagMappingList).toEqual([{ ResourceARN: arnOf(volumeId), Tags: [] }]);
  expect(tagged).toEqual([[]]);
});

test('sees a change of tags only when the index has caught up', async () => {
  const fixture = await startFixture(upstreamWith());
  await fixture.configure({ tagIndexLagMs: 30_000 });
  const volumeId = await createVolume(fixture, 'daily');
  fixture.advance(30_000);
  await fixture.ec2.send(
    new CreateTagsCommand({ Resources: [volumeId], Tags: [{ Key: 'plan', Value: 'none' }] }),
  );
  const daily = () =>
    listArns(tagging(fixture), {
      ResourceTypeFilters: ['ec2'],
      TagFilters: [{ Key: 'plan', Values: ['daily'] }],
    });

  const stale = await daily();
  fixture.advance(30_000);
  const fresh = await daily();

  expect([stale, fresh]).toEqual([[[arnOf(volumeId)]], [[]]]);
});

test('refuses a token that it did not give', async () => {
  const client = tagging(await startFixture(upstreamWith()));

  const answer = client.send(new GetResourcesCommand({ PaginationToken: 'other' }));

  await expect(answer).rejects.toMatchObject({ name: 'PaginationTokenExpiredException' });
});
