import { beforeEach, expect, test } from 'vitest';
import type { PointId, ResourceArn } from '@holdfast/engine';
import { bucketArn, CliUnderTest, volumeArn } from '../cli-under-test.ts';

const other = 'arn:aws:s3:::videos' as ResourceArn;

let cli: CliUnderTest;

beforeEach(async () => {
  cli = new CliUnderTest();
  await cli.backUpThreeFiles();
  await cli.plantResource({ arn: other });
  await cli.backUp('full', other);
});

test('prints what each resource and plan has in the vault, and what that costs', async () => {
  const { code, out } = await cli.run('usage');

  expect(code).toBe(0);
  expect(out.split('\n').map((line) => line.replaceAll(/[\d.]+ (KiB|B)|\$[\d.]+|\b\d\.\d\b/g, '…'))).toEqual([
    expect.stringMatching(/^RESOURCE +POINTS +LOGICAL +OWN +SHARED +RATIO +A MONTH +AWS BACKUP +STEADY$/),
    expect.stringMatching(/^photos +1 +… +… +… +… +… +… +-$/),
    expect.stringMatching(/^videos +1 +… +… +… +… +… +… +-$/),
    '',
    expect.stringMatching(/^PLAN +POINTS/),
    expect.stringMatching(/^daily +2 +… +… +… +… +… +…$/),
    '',
    expect.stringMatching(/^prices +list prices of us-east-1, .*, without runs, requests and free tiers$/),
    expect.stringMatching(/^vault +… in \d+ packs, … a month; … of it is needed by no point, and goes when/),
    '',
  ]);
});

test('is limited to a resource or to a plan, and what is shared is still known', async () => {
  const ofResource = await cli.json('usage', 'videos');
  const ofPlan = await cli.json('usage', 'daily');

  expect(ofResource).toMatchObject({ resources: [{ resourceArn: other }], plans: [] });
  expect(ofResource).not.toHaveProperty('vault');
  expect(ofPlan).toMatchObject({ resources: [{}, {}], plans: [{ plan: 'daily' }] });
  const { resources } = ofResource as { resources: { sharedBytes: number }[] };
  expect(resources[0]?.sharedBytes).toBeGreaterThan(0);
});

test('says that points of snapshots alone are not in it', async () => {
  await cli.backUpImage('snap-1');

  expect((await cli.run('usage')).out).toContain(
    'snapshots  1 point of images are EBS snapshots alone, which EBS bills, and which are not in these numbers',
  );
  expect(await cli.json('usage', volumeArn)).toMatchObject({
    resources: [{ pointsInSnapshots: 1, ownBytes: 0 }],
  });
});

test('refuses a name that is neither a resource nor a plan', async () => {
  const { code, err } = await cli.run('usage', 'nothing');

  expect(code).toBe(3);
  expect(err).toContain('resource "nothing" is not in the catalog');
  expect((await cli.run('usage', 'dayly')).err).toMatch(/; nor is a plan called so: did you mean daily\?\n$/);
});

test('counts points whose resource is not tagged any more', async () => {
  await cli.catalog.resources.remove(bucketArn);
  const [point] = (await cli.json('points')) as { pointId: PointId }[];

  expect(point).toBeDefined();
  expect(await cli.json('usage')).toMatchObject({
    resources: [{ resourceArn: bucketArn }, { resourceArn: other }],
  });
});

test('measures the others where a point cannot be read, and says so', async () => {
  cli.store.decay('points/', 30);

  const { code, out } = await cli.run('usage');

  expect(out).toContain('unread     2 points cannot be read, and what they need is not in these numbers');
  expect(code).toBe(0);
});
