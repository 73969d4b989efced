import { expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { RunClosedError } from '../../src/errors.ts';
import type { RunId } from '../../src/ids.ts';
import { joinShards } from '../../src/protect/join-shards.ts';
import { protectShard } from '../../src/protect/protect-shard.ts';
import { commitPointInParts, type CommittedPoint } from '../../src/runs/commit-point.ts';
import type { OpenedRun } from '../../src/runs/open-run.ts';
import type { AllServices } from '../../src/services.ts';
import { FaultPlan, ProcessKilledError, withFaults } from '../../src/testing/index.ts';
import { day, Harness, logicalPartsOf, minute, packMapOf } from './harness.ts';
import { expectConsistent, expectWhole } from './mostly-dead.ts';
import { open, shardsOf } from './opened-run.ts';
import { strideOf } from '../thoroughness.ts';

type Open = Extract<OpenedRun, { state: 'open' }>;

/** A run of thirteen packs that is ready for its commit, and so late that all of its leases are too short. */
async function withLateRun(seed: string): Promise<{ harness: Harness; run: Open; shards: number }> {
  const harness = new Harness(seed);
  const { source, random } = harness;
  for (let file = 0; file < 12; file += 1) source.plant(`file ${file}`, random.bytes(1_000));
  await harness.backUp('full', { limits: { files: 1, bytes: 2 ** 30 } });
  harness.clock.advance(day);
  source.plant('file 3', 'changed');
  const run = await open(harness, 'incremental', newId<RunId>(random));
  const { plan, keys } = run;
  const shards = await shardsOf(harness, plan.runId);
  for (const shard of shards) await protectShard(harness.services, shard, { keys, plan, source });
  harness.clock.advance(34 * day);
  return { harness, run, shards: shards.length };
}

/** Calls of which each has time for two packs, as the machine makes them. */
async function commitInCalls(
  harness: Harness,
  { plan, keys }: Open,
  shards: number,
  { services = harness.services, betweenMs = minute, packsAtOnce = 2 } = {},
) {
  let made = 0;
  const makeContent = async () => {
    made += 1;
    return joinShards(services, keys, plan, shards);
  };
  const locksMoved: number[] = [];
  const dates = new Set<number>();
  for (;;) {
    const before = harness.store.requests('extendLock');
    const options = { shouldStop: () => true, packsAtOnce };
    const point = await commitPointInParts(services, keys, plan, makeContent, options);
    locksMoved.push(harness.store.requests('extendLock') - before);
    dates.add((await harness.catalog.runs.find(plan.runId))?.leaseUntil.getTime() ?? 0);
    if (point.state !== 'unfinished') return { point, made, locksMoved, leaseDates: [...dates] };
    if (locksMoved.length > 100) throw new Error('it comes to no end');
    harness.clock.advance(betweenMs);
  }
}

async function expectSound(harness: Harness, point: CommittedPoint): Promise<void> {
  expect(point.root.type).toBe('incremental');
  expect(await harness.committed()).toHaveLength(2);
  await expectConsistent(harness, point);
  await expectWhole(harness, point);
}

test('a commit without time leases a few packs a call, under one date, and makes its content once', async () => {
  const { harness, run, shards } = await withLateRun('calls');

  const { point, made, locksMoved, leaseDates } = await commitInCalls(harness, run, shards);

  expect(made).toBe(1);
  expect(leaseDates).toHaveLength(1);
  expect(locksMoved.length).toBeGreaterThan(6);
  // In the first call those of the keys and of the format file besides.
  expect(Math.max(...locksMoved.slice(1))).toBeLessThanOrEqual(2);
  for (const { packId, lockedUntil } of await packMapOf(await harness.open(point.root.point)))
    expect(lockedUntil.getTime(), packId).toBeGreaterThanOrEqual(leaseDates[0] ?? Infinity);
  await expectSound(harness, point);
});

test('what was leased anew over many calls becomes the same point as in one', async () => {
  const [slow, fast] = [await withLateRun('same'), await withLateRun('same')];

  const inCalls = await commitInCalls(slow.harness, slow.run, slow.shards);
  const atOnce = await commitInCalls(fast.harness, fast.run, fast.shards, { packsAtOnce: 1_000 });

  expect(atOnce.locksMoved.length).toBeLessThan(3);
  const readers = [
    await slow.harness.open(inCalls.point.root.point),
    await fast.harness.open(atOnce.point.root.point),
  ] as const;
  expect(await logicalPartsOf(readers[0])).toEqual(await logicalPartsOf(readers[1]));
  const { storedBytes, ...counts } = inCalls.point.root.counts;
  expect(atOnce.point.root.counts).toMatchObject(counts);
  expect(storedBytes).toBeGreaterThanOrEqual(atOnce.point.root.counts.storedBytes);
  const sharesOf = async (reader: (typeof readers)[number]) =>
    (await packMapOf(reader)).map(({ references, liveBytes, kind }) => ({ references, liveBytes, kind }));
  expect(await sharesOf(readers[0])).toEqual(await sharesOf(readers[1]));
});

test('leasing anew that takes longer than the slack itself begins again with what has become too short', async () => {
  const { harness, run, shards } = await withLateRun('slow');

  const { point, made, leaseDates } = await commitInCalls(harness, run, shards, { betweenMs: 60 * minute });

  expect(made).toBe(1);
  expect(leaseDates.length).toBeGreaterThan(1);
  await expectSound(harness, point);
});

test('a commit whose process dies at any of its calls goes on, and every lock lasts until the expiry', async () => {
  let died = 0;
  for (let call = 1, survived = false; !survived; call += strideOf(59)) {
    const { harness, run, shards } = await withLateRun('dies');
    const faults = new FaultPlan([{ kind: call % 2 === 0 ? 'kill' : 'kill-after', call }]);
    const { store, catalog, work } = harness;
    const services: AllServices = {
      ...harness.services,
      store: withFaults(store, faults),
      catalog: withFaults(catalog, faults),
      work: withFaults(work, faults),
    };
    await commitInCalls(harness, run, shards, { services }).catch((error: unknown) => {
      if (!(error instanceof ProcessKilledError)) throw error;
      died += 1;
    });
    survived = !faults.killed;

    const again = await commitInCalls(harness, run, shards, { packsAtOnce: 3 });

    await expectSound(harness, again.point);
  }
  expect(died).toBeGreaterThan(2);
});

test('attempts at the same time that hand on lead to one point', async () => {
  const { harness, run, shards } = await withLateRun('attempts');

  const attempts = await Promise.all([1, 2, 3].map(async () => commitInCalls(harness, run, shards)));

  expect(new Set(attempts.map(({ point }) => JSON.stringify(point.root))).size).toBe(1);
  for (const { point } of attempts) await expectSound(harness, point);
});

test('a run that was cancelled while it was leased anew commits nothing', async () => {
  const { harness, run, shards } = await withLateRun('cancelled');
  const { plan, keys } = run;
  const call = async () =>
    commitPointInParts(
      harness.services,
      keys,
      plan,
      async () => joinShards(harness.services, keys, plan, shards),
      { shouldStop: () => true, packsAtOnce: 2 },
    );
  expect(await call()).toEqual({ state: 'unfinished' });
  await harness.catalog.runs.cancel(plan.runId);

  await expect(call()).rejects.toThrow(RunClosedError);

  expect(await harness.committed()).toHaveLength(1);
});
