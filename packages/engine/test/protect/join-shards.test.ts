import { expect, test } from 'vitest';
import { newId, toBase64, utf8 } from '../../src/bytes.ts';
import type { PackId, RunId } from '../../src/ids.ts';
import { joinSomeShards } from '../../src/protect/join-shards.ts';
import { getShardResult, putShardResult } from '../../src/protect/shard-result.ts';
import { commitPoint, type CommittedPoint } from '../../src/runs/commit-point.ts';
import { putUsage, readUsage } from '../../src/runs/usage-runs.ts';
import type { AllServices } from '../../src/services.ts';
import { FaultPlan, ProcessKilledError, SeededRandom, withFaults } from '../../src/testing/index.ts';
import { verifyPoint } from '../../src/verify/verify-point.ts';
import { countReferences, Harness, logicalPartsOf, packMapOf } from '../runs/harness.ts';
import { expectComplete, type Open, withShards } from './protected-shards.ts';
import { strideOf } from '../thoroughness.ts';

/** Protected shards, several of which have seen different versions of three objects. */
async function withBrokenObjects() {
  const scene = await withShards();
  const { work } = scene.harness;
  const { runId } = scene.run.plan;
  const large = ['file 110', 'file 117', 'file 130'].flatMap((name) =>
    ['one version', 'another'].map((changeToken) => ({
      path: toBase64(utf8(name)),
      state: 'stored' as const,
      changeToken,
    })),
  );
  await putShardResult(work, runId, { ...(await getShardResult(work, runId, 0)), large });
  return scene;
}

/** Joins in calls of which each has time for some shards. */
async function join(
  { services }: Pick<Harness, 'services'>,
  { plan, keys }: Open,
  shards: number,
  shardsACall: number,
  packsAtOnce = 10_000,
): Promise<{ readonly calls: number; readonly made: CommittedPoint }> {
  for (let calls = 1; ; calls += 1) {
    let asked = 0;
    const shouldStop = (): boolean => ++asked >= shardsACall;
    const step = await joinSomeShards(services, keys, plan, shards, { shouldStop, packsAtOnce });
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

test('what follows the last shard is done some packs a call, and becomes the same point', async () => {
  const { harness, run, shards } = await withShards();
  const { calls, made } = await join(harness, run, shards, 1, 1);
  const other = await withShards();
  const few = await join(other.harness, other.run, other.shards, 1);

  expect(calls).toBeGreaterThan(few.calls + 2);
  await expectComplete(harness, made);
  expect((await packMapOf(await harness.open(made.root.point))).length).toBe(
    (await packMapOf(await other.harness.open(few.made.root.point))).length,
  );
});

test('objects that the shards did not see alike are mended one a call, and each counts once', async () => {
  const [slow, fast] = [await withBrokenObjects(), await withBrokenObjects()];

  const inSteps = await join(slow.harness, slow.run, slow.shards, 1);
  const atOnce = await join(fast.harness, fast.run, fast.shards, 1_000);

  expect(atOnce.calls).toBe(1);
  expect(inSteps.calls).toBeGreaterThan(slow.shards + 3);
  for (const { made } of [inSteps, atOnce])
    expect(made.root).toMatchObject({ warnings: 3, unread: { carried: 3, missing: 0 } });
  const { storedBytes: _inSteps, ...counts } = inSteps.made.root.counts;
  expect(atOnce.made.root.counts).toMatchObject(counts);
  const reader = await slow.harness.open(inSteps.made.root.point);
  expect(await verifyPoint(reader)).toMatchObject({ damagedFileCount: 0, problems: [] });
  expect(await logicalPartsOf(reader)).toEqual(
    await logicalPartsOf(await fast.harness.open(atOnce.made.root.point)),
  );
  const mapped = (await packMapOf(reader)).map(
    ({ packId, references, liveBytes }) => [packId, { references, liveBytes }] as const,
  );
  expect(new Map(mapped)).toEqual(await countReferences(reader));
});

test('runs of deltas that are longer than an object are read back whole', async () => {
  const { work } = new Harness('runs of deltas');
  const runId = newId<RunId>(new SeededRandom(7));
  const deltas = Array.from({ length: 10_000 }, (_, at) => ({
    packId: at.toString(16).padStart(32, '0') as PackId,
    references: 1,
    liveBytes: at,
  }));

  for (const count of [0, 4_999, 5_000, 5_001, 10_000]) {
    await putUsage(work, runId, `run ${count}`, deltas.slice(0, count));
    expect(await Array.fromAsync(readUsage(work, runId, `run ${count}`))).toEqual(deltas.slice(0, count));
  }
});

test('a join whose process dies at any of its calls goes on, and no shard counts twice', async () => {
  for (let call = 1, survived = false; !survived; call += strideOf(24)) {
    const { harness, run, shards } = await withShards();
    const faults = new FaultPlan([{ kind: call % 48 < 24 ? 'kill' : 'kill-after', call }]);
    const { store, catalog, work } = harness;
    const services: AllServices = {
      ...harness.services,
      store: withFaults(store, faults),
      catalog: withFaults(catalog, faults),
      work: withFaults(work, faults),
    };
    await join({ services }, run, shards, 4, 2).catch((error: unknown) => {
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
