import { beforeEach, expect, test } from 'vitest';
import type { ResourceArn } from '../../src/ids.ts';
import { defaultImageSettings, type Plan, RetentionRules } from '../../src/model/index.ts';
import { pageName } from '../../src/packs/object-names.ts';
import { MemorySource } from '../../src/testing/index.ts';
import { measureUsage, type ResourceUsage, type Usage } from '../../src/usage/measure-usage.ts';
import { measureVault } from '../../src/usage/measure-vault.ts';
import { day, Harness } from '../runs/harness.ts';

const other = 'arn:aws:s3:::videos' as ResourceArn;
const plan: Plan = {
  name: 'daily',
  schedules: { incremental: { expression: 'cron(0 2 * * ? *)', timeZone: 'UTC' } },
  retention: RetentionRules.parse({ keepDays: 10 }),
  rpoHours: 30,
  readTags: true,
  compression: 'default',
  images: defaultImageSettings,
  prefixes: [],
  shard: { files: 10_000, bytes: 2 ** 30 },
};

let harness: Harness;
let others: MemorySource;

beforeEach(() => {
  harness = new Harness('usage');
  others = new MemorySource(harness.clock);
});

async function measure(...resources: readonly ResourceArn[]): Promise<Usage> {
  const services = { ...harness.services, keys: await harness.keys() };
  return measureUsage(services, resources, { plans: [plan], now: harness.clock.now() });
}

function of(usage: Usage, arn: ResourceArn): ResourceUsage {
  const found = usage.resources.find(({ resourceArn }) => resourceArn === arn);
  if (found === undefined) throw new Error(`${arn} is not in it`);
  return found;
}

function storedBytes(): number {
  return harness.catalog.packRows().reduce((sum, { bytes = 0 }) => sum + bytes, 0);
}

test('tells what a resource has for itself from what it shares, and all parts together are what is stored', async () => {
  const both = harness.random.bytes(60_000);
  harness.source.plant('both', both);
  await harness.backUp('full');
  others.plant('both', both);
  others.plant('own', harness.random.bytes(30_000));
  await harness.backUp('full', { arn: other, source: others });

  const usage = await measure(harness.arn, other);

  const [photos, videos] = [of(usage, harness.arn), of(usage, other)];
  expect(photos.sharedBytes).toBe(videos.sharedBytes);
  expect(photos.sharedBytes).toBeGreaterThan(60_000);
  expect(photos.ownBytes).toBeLessThan(10_000);
  expect(videos.ownBytes).toBeGreaterThan(30_000);
  expect(photos.partBytes).toBe(photos.ownBytes + photos.sharedBytes / 2);
  expect(photos.partBytes + videos.partBytes).toBe(storedBytes());
  expect(usage.plans).toMatchObject([
    { plan: 'daily', resources: 2, points: 2, ownBytes: storedBytes(), sharedBytes: 0 },
  ]);
  expect(await measureVault(harness.catalog.packs, usage.resources)).toMatchObject({
    bytes: storedBytes(),
    unneededBytes: 0,
    dollars: photos.dollars + videos.dollars,
  });
  // As where all that is needed lies in an archive.
  const archived = [{ partBytes: storedBytes() - 2 ** 10, dollars: 0 }];
  const { unneededBytes, dollars } = await measureVault(harness.catalog.packs, archived);
  expect(unneededBytes).toBe(2 ** 10);
  expect(dollars).toBeLessThan(1e-6);
  expect(usage).toMatchObject({ countedShare: 1, packsUnknown: 0 });
});

test('points of one resource count a pack once, and a container counts beside them', async () => {
  harness.source.plant('a', harness.random.bytes(50_000));
  await harness.backUp('full');
  const before = of(await measure(harness.arn), harness.arn);
  await harness.backUp('incremental');
  await harness.backUp('synthetic-full');

  const after = of(await measure(harness.arn), harness.arn);

  expect(after).toMatchObject({ points: 3, newestBytes: 50_000, logicalBytes: 150_000 });
  expect(after.ownBytes).toBe(storedBytes());
  expect(after.ownBytes).toBeGreaterThan(2 * before.ownBytes - 5_000);
  expect(after.ownBytes).toBeLessThan(3 * before.ownBytes);
});

test('thirty points cost a root each, and little more than the pages of one', async () => {
  for (let file = 0; file < 200; file += 1) harness.source.plant(`f${file}`, harness.random.bytes(300));
  await harness.backUp('full');
  harness.store.resetCounters();
  await measure(harness.arn);
  const gets = (): number => harness.store.requests('get');
  const ofOne = gets();
  for (let count = 1; count < 30; count += 1) await harness.backUp('incremental');

  harness.store.resetCounters();
  const usage = await measure(harness.arn);

  expect(of(usage, harness.arn).points).toBe(30);
  expect(gets()).toBeLessThan(ofOne + 29 + 10);
});

test('the change of a day and the steady state come from the points', async () => {
  harness.source.plant('a', harness.random.bytes(100_000));
  await harness.backUp('full');
  for (let count = 0; count < 4; count += 1) {
    harness.clock.advance(day);
    harness.source.plant(`new ${count}`, harness.random.bytes(1_000));
    await harness.backUp('incremental');
  }

  const { changedPerDay, steady, awsBackupDollars } = of(await measure(harness.arn), harness.arn);

  expect(changedPerDay).toBeCloseTo(0.01, 3);
  expect(steady).toMatchObject({ points: 10 });
  expect(steady?.storedBytes).toBeGreaterThan(storedBytes());
  expect(awsBackupDollars).toBeCloseTo((104_000 / 2 ** 30) * 0.05, 9);
});

test('one point tells no change, and a plan that is gone has no steady state', async () => {
  harness.source.plant('a', 'x');
  await harness.backUp('full');

  expect(of(await measure(harness.arn), harness.arn)).toMatchObject({ changedPerDay: undefined });
  expect(await measure('arn:aws:s3:::none' as ResourceArn)).toMatchObject({ resources: [], plans: [] });
});

test('points that share a damaged page of their pack map are all told apart, and not only the first of them', async () => {
  harness.source.plant('a', harness.random.bytes(50_000));
  const { root } = await harness.backUp('full');
  for (let count = 0; count < 2; count += 1) await harness.backUp('incremental');
  harness.clock.advance(400 * day);
  for (const { pack, version } of root.pagePacks) await harness.store.removeVersion(pageName(pack), version);

  expect(of(await measure(harness.arn), harness.arn)).toMatchObject({ points: 3, pointsUnread: 3 });
});

test('names packs that points need and the catalog lacks', async () => {
  harness.source.plant('a', harness.random.bytes(50_000));
  await harness.backUp('full');
  for (const { packId } of harness.catalog.packRows()) {
    await harness.catalog.packs.startDeleting(packId, new Date('9999-01-01'));
    await harness.catalog.packs.remove(packId);
  }

  const usage = await measure(harness.arn);

  expect(usage.packsUnknown).toBeGreaterThan(0);
  expect(of(usage, harness.arn)).toMatchObject({ ownBytes: 0, points: 1 });
});
