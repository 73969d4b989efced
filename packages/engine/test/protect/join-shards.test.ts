import { expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { RunId } from '../../src/ids.ts';
import { joinSomeShards } from '../../src/protect/join-shards.ts';
import { protectShard } from '../../src/protect/protect-shard.ts';
import { commitPoint, type CommittedPoint } from '../../src/runs/commit-point.ts';
import { openRun, type OpenedRun } from '../../src/runs/open-run.ts';
import type { AllServices } from '../../src/services.ts';
import { FaultPlan, ProcessKilledError, withFaults } from '../../src/testing/index.ts';
import { verifyPoint } from '../../src/verify/verify-point.ts';
import { shardsOf } from '../runs/opened-run.ts';
import {
  countReferences,
  describeState,
  Harness,
  logicalPartsOf,
  minute,
  packMapOf,
} from '../runs/harness.ts';

type Open = Extract<OpenedRun, { state: 'open' }>;

/** A run of which all shards are protected: some changed, with stretches that did not between them. */
async function withShards(): Promise<{ harness: Harness; run: Open; shards: number }> {
  const harness = new Harness('join');
  const { source, random } = harness;
  for (let file = 100; file < 140; file += 1) source.plant(`file ${file}`, random.bytes(300));
  await harness.backUp('full', { limits: { files: 4, bytes: 2 ** 30 } });
  harness.clock.advance(minute);
  for (const file of [110, 117, 118, 119, 130, 139]) source.plant(`file ${file}`, random.bytes(310));
  for (const file of [112, 113, 114, 115]) source.remove(`file ${file}`);
  harness.clock.advance(minute);
  const run = await openRun(
    harness.services,
    harness.request('incremental', { runId: newId<RunId>(harness.random) }),
  );
  if (run.state === 'over') throw new Error('the run is over');
  const { plan, keys } = run;
  const shards = await shardsOf(harness, plan.runId);
  for (const shard of shards) await protectShard(harness.services, shard, { plan, keys, source });
  return { harness, run, shards: shards.length };
}

async function expectComplete(harness: Harness, { root }: CommittedPoint): Promise<void> {
  const reader = await harness.open(root.point);
  expect(await verifyPoint(reader)).toMatchObject({ damagedFileCount: 0, problems: [] });
  expect(describeState((await harness.restore(root.point)).state)).toEqual(
    describeState(await harness.snapshotOfSource()),
  );
  const mapped = (await packMapOf(reader)).map(
    ({ packId, references, liveBytes }) => [packId, { references, liveBytes }] as const,
  );
  expect(new Map(mapped)).toEqual(await countReferences(reader));
  const until = Date.parse(root.expiresAt);
  for (const lock of (await harness.locksOf(root)).values())
    expect(lock.getTime()).toBeGreaterThanOrEqual(until);
}

/** Joins in calls of which each has time for some shards. */
async function join(
  { services }: Pick<Harness, 'services'>,
  { plan, keys }: Open,
  shards: number,
  shardsACall: number,
): Promise<{ readonly calls: number; readonly made: CommittedPoint }> {
  for (let calls = 1; ; calls += 1) {
    let asked = 0;
    const shouldStop = (): boolean => ++asked >= shardsACall;
    const step = await joinSomeShards(services, keys, plan, shards, { shouldStop });
    if (!step.done) continue;
    return { calls, made: await commitPoint(services, keys, plan, async () => step.content) };
  }
}

test.each([
  [1, 9],
  [2, 5],
  [5, 2],
])('shards that are joined %i a call become the same point', async (shardsACall, callsExpected) => {
  const { harness, run, shards } = await withShards();
  const { calls, made } = await join(harness, run, shards, shardsACall);

  expect(shards).toBe(9);
  expect(calls).toBeGreaterThanOrEqual(callsExpected);
  await expectComplete(harness, made);
  expect(made.root.counts).toMatchObject({ files: 36, filesChanged: 6, filesRemoved: 4 });
  const whole = await harness.backUp('full');
  expect(await logicalPartsOf(await harness.open(made.root.point))).toEqual(
    await logicalPartsOf(await harness.open(whole.root.point)),
  );
});

test('a join whose process dies at any of its calls goes on, and no shard counts twice', async () => {
  for (let call = 1, survived = false; !survived; call += 8) {
    const { harness, run, shards } = await withShards();
    const faults = new FaultPlan([{ kind: call % 16 < 8 ? 'kill' : 'kill-after', call }]);
    const { store, catalog, work } = harness;
    const services: AllServices = {
      ...harness.services,
      store: withFaults(store, faults),
      catalog: withFaults(catalog, faults),
      work: withFaults(work, faults),
    };
    await join({ services }, run, shards, 4).catch((error: unknown) => {
      if (!(error instanceof ProcessKilledError)) throw error;
    });
    survived = !faults.killed;
    const isOver = (await catalog.runs.find(run.plan.runId))?.pointId !== undefined;
    if (!isOver) await join(harness, run, shards, 4);

    const [made] = (await harness.committed()).filter(({ run: id }) => id === run.plan.runId);
    if (made === undefined) throw new Error('no point');
    await expectComplete(harness, { root: made, state: 'completed' });
    expect(made.counts).toMatchObject({ files: 36, filesChanged: 6, filesRemoved: 4 });
  }
});
