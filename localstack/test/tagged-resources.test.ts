import { CreateTagsCommand, CreateVolumeCommand, DeleteTagsCommand } from '@aws-sdk/client-ec2';
import {
  GetResourcesCommand,
  ResourceGroupsTaggingAPIClient,
  type GetResourcesCommandInput,
} from '@aws-sdk/client-resource-groups-tagging-api';
import { expect, onTestFinished, test } from 'vitest';
import { startFixture, type GatewayFixture, type UpstreamHandler } from './gateway-fixture.ts';

const bucketArns = ['arn:aws:s3:::one', 'arn:aws:s3:::two', 'arn:aws:s3:::three'];

/** Pages over three tagged buckets, with the offset as its token. */
const buckets: UpstreamHandler = (call, response) => {
  const { PaginationToken, ResourcesPerPage = 100 } = JSON.parse(
    call.body.toString(),
  ) as GetResourcesCommandInput;
  const offset = Number(PaginationToken || 0);
  const end = offset + ResourcesPerPage;
  const page = bucketArns
    .slice(offset, end)
    .map((ResourceARN) => ({ ResourceARN, Tags: [{ Key: 'plan', Value: 'daily' }] }));
  const token = end < bucketArns.length ? String(end) : '';
  response.end(JSON.stringify({ ResourceTagMappingList: page, PaginationToken: token }));
};

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
  const fixture = await startFixture(buckets);
  const volumes = [
    await createVolume(fixture, 'daily'),
    await createVolume(fixture, 'daily'),
    await createVolume(fixture, 'daily'),
  ];

  const pages = await listArns(tagging(fixture), { ResourcesPerPage: 2 });

  expect(pages.map((page) => page.length)).toEqual([2, 2, 2]);
  expect(pages.flat()).toEqual([...bucketArns, ...volumes.map(arnOf)]);
});

test('finds our resources by tag and by type, without asking the emulator for types that are only ours', async () => {
  const fixture = await startFixture(buckets);
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
  const fixture = await startFixture(buckets);
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
  const fixture = await startFixture(buckets);
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
  const client = tagging(await startFixture(buckets));

  const answer = client.send(new GetResourcesCommand({ PaginationToken: 'other' }));

  await expect(answer).rejects.toMatchObject({ name: 'PaginationTokenExpiredException' });
});
