import { expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { PackId, RunId } from '../../src/ids.ts';
import { protectShard } from '../../src/protect/protect-shard.ts';
import { aliveUntil, openRunInParts, type OpenedRun } from '../../src/runs/open-run.ts';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import { readUsage } from '../../src/runs/usage-runs.ts';
import type { AllServices } from '../../src/services.ts';
import { FaultPlan, ProcessKilledError, withFaults } from '../../src/testing/index.ts';
import { day, Harness, minute, packMapOf } from './harness.ts';
import { expectConsistent, expectWhole, withMostlyDeadPack } from './mostly-dead.ts';
import { commit, shardsOf } from './opened-run.ts';
import { strideOf } from '../thoroughness.ts';

/** A full of twelve packs, all of whose locks are too short for the next run. */
async function withTwelvePacks(
  seed: string,
  daysOld = 31,
): Promise<{ harness: Harness; full: CommittedPoint; packs: readonly PackId[] }> {
  const harness = new Harness(seed);
  for (let file = 0; file < 12; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(1_000));
  const full = await harness.backUp('full', { limits: { files: 1, bytes: 2 ** 30 } });
  harness.clock.advance(daysOld * day);
  const packs = (await packMapOf(await harness.open(full.root.point))).map(({ packId }) => packId);
  return { harness, full, packs };
}

/** One call with no time, which looks at some packs all the same. */
async function callOnce(harness: Harness, runId: RunId, services: AllServices = harness.services) {
  const options = { shouldStop: () => true, packsAtOnce: 2 };
  return openRunInParts(services, harness.request('incremental', { runId }), options);
}

/** Calls as the machine does, a minute after each other. */
async function callOn(
  harness: Harness,
  runId: RunId,
  services?: AllServices,
): Promise<{ opened: Extract<OpenedRun, { state: 'open' }>; calls: number }> {
  for (let calls = 1; ; calls += 1) {
    const opened = await callOnce(harness, runId, services);
    if (opened.state === 'over') throw new Error('the run is over');
    if (opened.state === 'open') return { opened, calls };
    harness.clock.advance(minute);
  }
}

function shortLocks(harness: Harness, packs: readonly PackId[], leaseUntil: Date): number {
  const rows = harness.catalog.packRows().filter(({ packId }) => packs.includes(packId));
  return rows.filter(({ lockedUntil = new Date(0) }) => lockedUntil < leaseUntil).length;
}

/** The packs whose new dates the plan leads to, in the order in which they are merged. */
async function leasedPacks(
  { work }: Harness,
  { plan }: Extract<OpenedRun, { state: 'open' }>,
): Promise<PackId[]> {
  const runs = plan.leases.map(async (part) => Array.fromAsync(readUsage(work, plan.runId, part)));
  return (await Promise.all(runs)).flat().map(({ packId }) => packId);
}

async function protectAll(harness: Harness, { plan, keys }: Extract<OpenedRun, { state: 'open' }>) {
  const shards = await shardsOf(harness, plan.runId);
  const { source } = harness;
  for (const shard of shards) await protectShard(harness.services, shard, { keys, plan, source });
  return commit(harness, { plan, keys }, shards);
}

test('a run without time leases some packs a call, under one lease date, and writes its plan when all are leased', async () => {
  const { harness, packs } = await withTwelvePacks('calls');
  const runId = newId<RunId>(harness.random);
  const left: number[] = [];
  const dates = new Set<number>();

  for (;;) {
    const opened = await callOnce(harness, runId);
    const row = await harness.catalog.runs.find(runId);
    if (row === undefined) throw new Error('no run');
    dates.add(row.leaseUntil.getTime());
    left.push(shortLocks(harness, packs, row.leaseUntil));
    const isPlanned = await harness.work.get(`runs/${runId}/plan.json`).then(
      () => true,
      () => false,
    );
    expect(isPlanned).toBe(opened.state === 'open');
    if (opened.state !== 'unfinished') break;
    harness.clock.advance(minute);
  }

  expect(left.slice(0, 6)).toEqual([10, 8, 6, 4, 2, 0]);
  expect(new Set(left.slice(6))).toEqual(new Set([0]));
  expect(dates.size).toBe(1);
});

test('what was leased over many calls becomes the same point as in one, with every lease in its pack map', async () => {
  const { harness, packs } = await withTwelvePacks('same');
  const runId = newId<RunId>(harness.random);
  harness.source.plant('file 3', 'changed');
  const { opened, calls } = await callOn(harness, runId);
  expect(calls).toBeGreaterThan(6);

  expect(await leasedPacks(harness, opened)).toEqual(packs);
  const point = await protectAll(harness, opened);

  expect(point.root.type).toBe('incremental');
  for (const { packId, lockedUntil } of await packMapOf(await harness.open(point.root.point)))
    expect(lockedUntil.getTime(), packId).toBeGreaterThanOrEqual(opened.plan.leaseUntil.getTime());
  expect(harness.source.opened).toHaveLength(13);
  await expectConsistent(harness, point);
  await expectWhole(harness, point);
});

test('packs that a call could not lease are still known when a later one ends', async () => {
  const { harness, packs } = await withTwelvePacks('unleased');
  const [first, last] = [packs[0]!, packs[11]!];
  for (const packId of [first, last]) harness.catalog.losePack(packId);

  const { opened } = await callOn(harness, newId<RunId>(harness.random));

  expect(opened.plan.unleasedPacks).toEqual([first, last]);
  const point = await protectAll(harness, opened);
  await expectConsistent(harness, point);
  await expectWhole(harness, point);
});

test('packs that verification has marked are looked up some a call, and none is left out', async () => {
  const { harness, packs } = await withTwelvePacks('marked', 1);
  const marked = packs.filter((_, at) => at % 2 === 1);
  for (const packId of [...marked].reverse()) await harness.catalog.packs.markDamaged(packId);

  const { opened, calls } = await callOn(harness, newId<RunId>(harness.random));

  expect(calls).toBeGreaterThan(3);
  expect([...opened.plan.unleasedPacks].sort()).toEqual(marked);
  const point = await protectAll(harness, opened);
  await expectConsistent(harness, point);
  await expectWhole(harness, point);
});

test('a process that dies at any of its calls is gone on from, and no pack is left out or counted twice', async () => {
  let died = 0;
  for (let call = 1, survived = false; !survived; call += strideOf(31)) {
    const { harness, packs } = await withTwelvePacks('dies');
    const faults = new FaultPlan([{ kind: call % 2 === 0 ? 'kill' : 'kill-after', call }]);
    const { store, catalog, work } = harness;
    const services: AllServices = {
      ...harness.services,
      store: withFaults(store, faults),
      catalog: withFaults(catalog, faults),
      work: withFaults(work, faults),
    };
    const runId = newId<RunId>(harness.random);
    await callOn(harness, runId, services).catch((error: unknown) => {
      if (!(error instanceof ProcessKilledError)) throw error;
      died += 1;
    });
    survived = !faults.killed;

    const { opened } = await callOn(harness, runId);
    expect(await leasedPacks(harness, opened)).toEqual(packs);
    expect(shortLocks(harness, packs, opened.plan.leaseUntil)).toBe(0);
    if (call % 2 === 0) continue;
    const point = await protectAll(harness, opened);
    await expectConsistent(harness, point);
    await expectWhole(harness, point);
  }
  expect(died).toBeGreaterThan(2);
});

test('attempts at the same time that hand on each lease all, and go by the plan of one of them', async () => {
  const { harness, packs } = await withTwelvePacks('attempts');
  const runId = newId<RunId>(harness.random);

  const attempts = await Promise.all([1, 2, 3].map(async () => callOn(harness, runId)));

  const [one, ...others] = attempts.map(({ opened }) => opened);
  for (const other of others) expect(other.plan).toEqual(one?.plan);
  expect(one && (await leasedPacks(harness, one))).toEqual(packs);
});

test('every further call says that the run is alive, and ends when it was cancelled', async () => {
  const { harness } = await withTwelvePacks('alive');
  const runId = newId<RunId>(harness.random);
  await callOnce(harness, runId);
  harness.clock.advance(20 * minute);

  await callOnce(harness, runId);

  expect((await harness.catalog.runs.find(runId))?.aliveUntil).toEqual(aliveUntil(harness.clock.now()));
  await harness.catalog.runs.cancel(runId);
  expect(await callOnce(harness, runId)).toMatchObject({ state: 'over', run: { state: 'cancelling' } });
});

test('a run whose base expires between two calls leases its next base from the beginning', async () => {
  const { harness, full, packs } = await withTwelvePacks('expires', 1);
  harness.source.plant('file 3', 'changed');
  const newest = await harness.backUp('incremental', { keepDays: 31 });
  harness.clock.advance(30.5 * day);
  const runId = newId<RunId>(harness.random);
  for (let call = 0; call < 3; call += 1) await callOnce(harness, runId);
  const state = Buffer.from(await harness.work.get(`runs/${runId}/leasing.json`)).toString();
  expect(JSON.parse(state)).toMatchObject({ base: newest.root.point });
  harness.clock.advance(day);

  const { opened } = await callOn(harness, runId);

  expect(opened.plan.base?.pointId).toBe(full.root.point);
  expect(await leasedPacks(harness, opened)).toEqual(packs);
  const point = await protectAll(harness, opened);
  await expectConsistent(harness, point);
  await expectWhole(harness, point);
});

test('a full without time keeps off the mostly dead packs that it has found, and opens in one call', async () => {
  const { harness, pack } = await withMostlyDeadPack('full');
  const openWith = async (packsAtOnce: number) => {
    const request = harness.request('full');
    const opened = await openRunInParts(harness.services, request, { shouldStop: () => true, packsAtOnce });
    if (opened.state !== 'open') throw new Error(`the run is ${opened.state}`);
    await harness.catalog.runs.close(request.runId, { state: 'failed', endedAt: harness.clock.now() });
    return opened.plan;
  };

  expect(await openWith(100)).toMatchObject({ type: 'full', copiedPacks: [pack.packId], leases: [] });
  expect((await openWith(1)).copiedPacks.length).toBeLessThan(2);
});
