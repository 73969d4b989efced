import { newId, utf8, type HoldId, type PackId, type PointId, type RunId } from '@holdfast/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ExpectedState } from '../../localstack/demo/source-objects.ts';
import { holdfast } from './support/command-line.ts';
import { arnOfBucket, listPoints, newestPoint, runGoodCycle } from './support/cycles.ts';
import { openApp } from './support/deployed.ts';
import { runExecution, type Ended } from './support/executions.ts';
import { sumOf } from './support/metrics.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { backUpDaysAgo, writeServicesOf } from './support/old-points.ts';
import { makeTargets, restoreAndCompare } from './support/restores.ts';
import { fill, makeSource, untag } from './support/source-buckets.ts';

const app = openApp();
const bucket = testBuckets.sources.maintenance;
const plan = testPlans.maintenance;
const arn = arnOfBucket(bucket);
const { store, catalog, random } = writeServicesOf(app);
const holdId = newId<HoldId>(random);
/** What a writer left that died sixty days ago, before it could say what it had stored. */
const abandoned = newId<PackId>(random);
const abandonedName = `packs/short/${abandoned.slice(0, 2)}/${abandoned}`;

const points: { old: PointId; held: PointId; newest: PointId } = {
  old: '' as PointId,
  held: '' as PointId,
  newest: '' as PointId,
};
const states: { held?: ExpectedState; newest?: ExpectedState } = {};
let runs: readonly Ended[] = [];
let before: readonly string[] = [];

beforeAll(async () => {
  await makeTargets(app);
  const source = await makeSource(app, bucket, { plan, objects: 50 });
  await fill(source, 'dropped', 20);
  points.old = await backUpDaysAgo(app, { bucket, plan, keepDays: 2, days: 60 });
  for (const key of source.state().keys()) if (key.startsWith('dropped/')) await source.remove(key);
  await fill(source, 'held', 20);
  states.held = source.state();
  points.held = await backUpDaysAgo(app, { bucket, plan, keepDays: 2, days: 50 });
  await catalog.points.addHold(points.held, holdId);
  await fill(source, 'newest', 20);
  states.newest = source.state();
  points.newest = await backUpDaysAgo(app, { bucket, plan, keepDays: 2, days: 40 });
  await abandonPack();
  before = await objectNames();

  // Two at once, as when a schedule is delivered twice.
  runs = await Promise.all(
    [1, 2].map(async (n) => maintain(`e2e-maintain-${process.pid}-${Date.now()}-${n}`)),
  );
});

afterAll(async () => {
  await untag(app, bucket);
});

async function maintain(name: string): Promise<Ended> {
  return runExecution(app.sfn, app.machines.maintenance, name, {});
}

async function abandonPack(): Promise<void> {
  const lockUntil = new Date(Date.now() - 60 * 86_400_000);
  const row = {
    packId: abandoned,
    kind: 'chunks',
    retentionClass: 'short',
    runId: newId<RunId>(random),
    lockUntil,
  } as const;
  await catalog.packs.claim(row);
  // Without a lock of its own it would get the bucket's default, which lasts for a day.
  await store.put(abandonedName, utf8('half a pack'), { lock: { mode: 'governance', until: lockUntil } });
}

async function objectNames(): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of store.listVersions('')) names.push(name);
  return names;
}

test('two executions at once both succeed', () => {
  expect(runs.map(({ status, reason }) => `${status} ${reason}`)).toEqual(['SUCCEEDED ', 'SUCCEEDED ']);
});

test('the point that nothing keeps is gone, the held one and the newest are kept for longer', async () => {
  const left = await listPoints(app, arn);

  expect(left.map(({ pointId }) => pointId)).toEqual([points.held, points.newest]);
  for (const { pointId, expiresAt, rootName, rootVersionId } of left) {
    expect(expiresAt.getTime(), pointId).toBeGreaterThan(Date.now() + 6 * 86_400_000);
    const { lock } = await store.head(rootName, { versionId: rootVersionId });
    expect(lock?.until.getTime(), pointId).toBeGreaterThanOrEqual(expiresAt.getTime());
  }
  expect(await catalog.points.find(points.old)).toBeUndefined();
});

test('what is left of them restores byte by byte', async () => {
  expect(await restoreAndCompare(app, points.held, states.held as ExpectedState)).toEqual([]);
  expect(await restoreAndCompare(app, points.newest, states.newest as ExpectedState)).toEqual([]);
});

test('what only the expired point needed is swept, with what a dead writer left', async () => {
  const after = await objectNames();
  const gone = before.filter((name) => !after.includes(name));

  expect(before).toContain(abandonedName);
  expect(gone).toContain(abandonedName);
  expect(gone.filter((name) => name.startsWith('pages/')).length).toBeGreaterThan(0);
  expect(gone.filter((name) => name.startsWith('packs/')).length).toBeGreaterThan(1);
  expect(gone.filter((name) => name.startsWith('points/'))).toHaveLength(1);
  expect(gone.filter((name) => /^(keys|format)/.test(name))).toEqual([]);
  for await (const row of catalog.packs.listDue(new Date(Date.now() - 2 * 86_400_000)))
    throw new Error(`pack ${row.packId} is still due: ${row.state}`);
});

test('a bucket goes on being backed up on top of what was kept', async () => {
  await runGoodCycle(app, plan, 'full');
  const newest = await newestPoint(app, arn);

  expect(newest.pointId).not.toBe(points.newest);
  expect(await restoreAndCompare(app, newest.pointId, states.newest as ExpectedState)).toEqual([]);
});

test('the command line runs it once more, and nothing more is due', async () => {
  const { code, out, err } = await holdfast('maintain', '--wait');

  expect(`${code} ${err}`).toMatch(/^0 /);
  expect(out).toContain('expired   0 points\n');
  expect(out).toContain('swept     0 packs');
  expect((await listPoints(app, arn)).map(({ pointId }) => pointId)).toContain(points.newest);
});

test('what it did is published', async () => {
  // Two that remove the same point at the same moment both count it.
  const expired = await sumOf(app, 'PointsExpired');
  expect(expired).toBeGreaterThanOrEqual(1);
  expect(expired).toBeLessThanOrEqual(2);
  expect(await sumOf(app, 'PacksSwept')).toBeGreaterThan(1);
  expect(await sumOf(app, 'BytesSwept')).toBeGreaterThan(0);
  expect(await sumOf(app, 'LeasesRenewed')).toBeGreaterThan(0);
  expect(await sumOf(app, 'MaintenanceFailures')).toBe(0);
});
