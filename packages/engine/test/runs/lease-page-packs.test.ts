import { expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { RunId } from '../../src/ids.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import { joinSomeShards } from '../../src/protect/join-shards.ts';
import { protectShard } from '../../src/protect/protect-shard.ts';
import { commitPoint, type CommittedPoint } from '../../src/runs/commit-point.ts';
import { openRun, openRunInParts } from '../../src/runs/open-run.ts';
import { FaultPlan, ProcessKilledError, withFaults } from '../../src/testing/index.ts';
import { day, Harness } from './harness.ts';
import { expectConsistent, expectWhole } from './mostly-dead.ts';
import { open, shardsOf } from './opened-run.ts';
import { strideOf } from '../thoroughness.ts';

const files = 300;

interface AgedPages {
  readonly harness: Harness;
  /** The page pack of the full that is used still. */
  readonly pages: PackRow;
  readonly next: CommittedPoint;
}

/** A full; the next day some files change; a month later the page packs have to be extended. */
async function beforeNext(seed: string, changed: number): Promise<Omit<AgedPages, 'next'>> {
  const harness = new Harness(seed);
  const plant = (file: number): void => {
    harness.source.plant(`file ${String(file).padStart(3, '0')}`, harness.random.bytes(50));
  };
  for (let file = 0; file < files; file += 1) plant(file);
  const { root: full } = await harness.backUp('full');
  const rows = await harness.catalog.packs.findAll(full.pagePacks.map(({ pack }) => pack));
  const pages = [...rows.values()].sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0))[0] as PackRow;
  harness.clock.advance(day);
  for (let file = 0; file < changed; file += 1) plant(file);
  await harness.backUp('incremental');
  harness.clock.advance(30 * day);
  return { harness, pages };
}

/** The same, and a point is made. */
async function aged(seed: string, changed: number): Promise<AgedPages> {
  const before = await beforeNext(seed, changed);
  return { ...before, next: await before.harness.backUp('incremental') };
}

function lockOf({ harness, pages }: AgedPages): Date | undefined {
  return harness.catalog.packRows().find(({ packId }) => packId === pages.packId)?.lockUntil;
}

test('a page pack of which less than half is used is not extended: its pages are written anew', async () => {
  const made = await aged('dead pages', 220);
  const { harness, pages, next } = made;

  expect(next.root.pagePacks.map(({ pack }) => pack)).not.toContain(pages.packId);
  expect(lockOf(made)).toEqual(pages.lockUntil);
  expect(next.root.counts).toMatchObject({ filesChanged: 0, newBytes: 0 });
  await expectConsistent(harness, next);
  await expectWhole(harness, next);
});

test('pages are written anew, and page packs counted, in a commit that dies at any of its calls and has no time', async () => {
  let [died, survived] = [0, false];
  for (let call = 1; !survived; call += strideOf(997)) {
    const { harness, pages } = await beforeNext('in calls', 220);
    const { source, store, catalog, work } = harness;
    const { plan, keys } = await open(harness, 'incremental');
    expect(plan.rewrittenPagePacks).toContain(pages.packId);
    const shards = await shardsOf(harness, plan.runId);
    for (const shard of shards) await protectShard(harness.services, shard, { keys, plan, source });
    const joinInCalls = async (services = harness.services) => {
      for (let calls = 1; ; calls += 1) {
        const options = { shouldStop: () => true, packsAtOnce: 1 };
        const step = await joinSomeShards(services, keys, plan, shards.length, options);
        if (step.done) return { calls, content: step.content };
        if (calls > 100) throw new Error('it comes to no end');
      }
    };
    const faults = new FaultPlan([{ kind: call % 2 === 0 ? 'kill' : 'kill-after', call }]);
    const faulty = { ...harness.services, store: withFaults(store, faults), work: withFaults(work, faults) };
    await joinInCalls({ ...faulty, catalog: withFaults(catalog, faults) }).catch((error: unknown) => {
      if (!(error instanceof ProcessKilledError)) throw error;
      died += 1;
    });
    survived = !faults.killed;

    const { calls, content } = await joinInCalls();

    if (!survived) expect(calls).toBeGreaterThan(1);
    const next = await commitPoint(harness.services, keys, plan, async () => Promise.resolve(content));
    expect(next.root.pagePacks.map(({ pack }) => pack)).not.toContain(pages.packId);
    await expectConsistent(harness, next);
    await expectWhole(harness, next);
  }
  expect(died).toBeGreaterThan(1);
});

test('a page pack of which more than half is used is extended', async () => {
  const made = await aged('live pages', 50);
  const { harness, pages, next } = made;

  expect(next.root.pagePacks.map(({ pack }) => pack)).toContain(pages.packId);
  expect(lockOf(made)?.getTime()).toBeGreaterThanOrEqual(Date.parse(next.root.expiresAt));
  await expectConsistent(harness, next);
  await expectWhole(harness, next);
});

function name(file: number): string {
  return `file ${String(file).padStart(4, '0')}`;
}

/** A base whose pages lie in several packs, all of whose locks are too short for the next run. */
async function withScatteredPages(seed: string): Promise<Harness> {
  const harness = new Harness(seed);
  // Some eight leaves, wherever the vault's key cuts them, so that the changes below lie in different ones.
  for (let file = 100; file < 1_100; file += 1) harness.source.plant(name(file), harness.random.bytes(10));
  await harness.backUp('full');
  for (const file of [150, 350, 550, 750, 950, 1_050]) {
    harness.clock.advance(day);
    harness.source.plant(name(file), harness.random.bytes(10));
    await harness.backUp('incremental');
  }
  harness.clock.advance(30 * day);
  return harness;
}

/** Calls of which each has time for one inner page or one pack. */
async function openInCalls(harness: Harness, runId: RunId, services = harness.services) {
  const moved: number[] = [];
  for (;;) {
    const before = harness.store.requests('extendLock');
    const request = harness.request('incremental', { runId });
    const options = { shouldStop: () => true, packsAtOnce: 1 };
    const opened = await openRunInParts(services, request, options);
    moved.push(harness.store.requests('extendLock') - before);
    if (opened.state === 'open') return { plan: opened.plan, moved };
    if (opened.state === 'over' || moved.length > 60) throw new Error('it does not open');
    harness.clock.advance(1_000);
  }
}

test('page packs are counted and leased some a call, to the same plan as in one', async () => {
  const [slow, fast] = [await withScatteredPages('calls'), await withScatteredPages('calls')];
  const atOnce = await openRun(fast.services, fast.request('incremental'));
  if (atOnce.state === 'over') throw new Error('the run is over');

  const { plan, moved } = await openInCalls(slow, newId<RunId>(slow.random));

  expect(plan.base).toEqual(atOnce.plan.base);
  expect(plan.rewrittenPagePacks).toEqual(atOnce.plan.rewrittenPagePacks);
  expect(plan.base?.pagePacks.length).toBeGreaterThan(4);
  expect(Math.max(...moved.slice(1))).toBe(1);
  expect(moved.filter((count) => count === 0).length).toBeGreaterThan(1);
});

test('an opening whose process dies at any of its calls goes on, and leases every page pack that is needed', async () => {
  let died = 0;
  for (let call = 1, survived = false; !survived; call += strideOf(97)) {
    const harness = await withScatteredPages('dies');
    const faults = new FaultPlan([{ kind: call % 2 === 0 ? 'kill' : 'kill-after', call }]);
    const { store, catalog, work } = harness;
    const services = {
      ...harness.services,
      store: withFaults(store, faults),
      catalog: withFaults(catalog, faults),
      work: withFaults(work, faults),
    };
    const runId = newId<RunId>(harness.random);
    await openInCalls(harness, runId, services).catch((error: unknown) => {
      if (!(error instanceof ProcessKilledError)) throw error;
      died += 1;
    });
    survived = !faults.killed;

    const { plan } = await openInCalls(harness, runId);

    const [newest] = (await harness.committed()).slice(-1);
    if (newest === undefined) throw new Error('no point');
    const reader = await harness.open(newest.point);
    const needed = (await reader.manifest.listPagePacks()).union(await reader.packMap.listPagePacks());
    const leased = (plan.base?.pagePacks ?? []).filter(({ pack }) => !plan.rewrittenPagePacks.includes(pack));
    expect(new Set([...leased.map(({ pack }) => pack), ...plan.rewrittenPagePacks])).toEqual(needed);
    for (const { pack, lockedUntil } of leased) {
      expect(Date.parse(lockedUntil), pack).toBeGreaterThanOrEqual(plan.leaseUntil.getTime());
      const row = (await catalog.packs.findAll([pack])).get(pack);
      expect(row?.lockedUntil?.toISOString()).toBe(lockedUntil);
    }
  }
  expect(died).toBeGreaterThan(2);
});

test('page packs of which nothing is used are named no more once their leases have to be extended', async () => {
  const { harness, next } = await aged('unused pages', files);

  const reader = await harness.open(next.root.point);
  const needed = (await reader.manifest.listPagePacks()).union(await reader.packMap.listPagePacks());
  expect(new Set(next.root.pagePacks.map(({ pack }) => pack))).toEqual(needed);
});
