import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { RunClosedError, RunOpenError } from '../../src/errors.ts';
import type { RunId } from '../../src/ids.ts';
import { joinShards } from '../../src/protect/join-shards.ts';
import { listShards } from '../../src/protect/list-shards.ts';
import { protectShard } from '../../src/protect/protect-shard.ts';
import type { Shard } from '../../src/protect/shards.ts';
import { failRun } from '../../src/runs/close-run.ts';
import { commitPoint } from '../../src/runs/commit-point.ts';
import { openRun } from '../../src/runs/open-run.ts';
import { getRunPlan } from '../../src/runs/run-plan.ts';
import { Harness, minute } from './harness.ts';
import { commit, open, shardsOf, withFiles } from './opened-run.ts';

describe('opening a run', () => {
  test('again gives the decisions of the first time', async () => {
    const harness = await withFiles('again');
    await harness.backUp('full');
    const runId = newId<RunId>(harness.random);
    const first = await open(harness, 'incremental', runId);
    harness.clock.advance(10 * minute);

    const second = await open(harness, 'incremental', runId);

    expect(second.plan).toEqual(first.plan);
    expect(await getRunPlan(harness.work, runId)).toEqual(first.plan);
  });

  test('while another one is at work is refused', async () => {
    const harness = await withFiles('another');
    const { plan } = await open(harness, 'full');

    await expect(open(harness, 'full')).rejects.toThrow(RunOpenError);
    await expect(open(harness, 'full')).rejects.toThrow(plan.runId);
  });

  test('takes over from one of which nothing was heard, whose workers must stop', async () => {
    const harness = await withFiles('abandoned');
    const abandoned = await open(harness, 'full');
    const [shard] = await shardsOf(harness, abandoned.plan.runId);
    harness.clock.advance(31 * minute);

    const next = await harness.backUp('full');

    expect(next.state).toBe('completed');
    expect((await harness.catalog.runs.find(abandoned.plan.runId))?.state).toBe('failed');
    const options = { ...abandoned, source: harness.source };
    await expect(protectShard(harness.services, shard as Shard, options)).rejects.toThrow(RunClosedError);
    await expect(
      commitPoint(harness.services, abandoned.keys, abandoned.plan, async () =>
        Promise.reject(new Error('made content')),
      ),
    ).rejects.toThrow(RunClosedError);
    expect(await harness.committed()).toHaveLength(1);
  });

  test('of a run that is over does nothing', async () => {
    const harness = await withFiles('over');
    const runId = newId<RunId>(harness.random);
    const { root } = await harness.backUp('full', { runId });

    expect(await openRun(harness.services, harness.request('full', { runId }))).toMatchObject({
      state: 'over',
      run: { state: 'completed', pointId: root.point },
    });
    await expect(harness.backUp('full', { runId })).rejects.toThrow(RunClosedError);
    expect(await harness.committed()).toHaveLength(1);
  });

  test('without a point to build on makes a full, and says why', async () => {
    const harness = await withFiles('no base');

    const { root } = await harness.backUp('incremental');

    expect(root).toMatchObject({ type: 'full', chain: root.point });
    expect(root.base).toBeUndefined();
    const run = await harness.catalog.runs.find(root.run);
    expect(run).toMatchObject({ requestedType: 'incremental', type: 'full' });
    expect(run?.typeReason).toMatch(/no recovery point/);
  });
});

describe('the base of a run', () => {
  test('is the newest point for an incremental and the full of its chain for a differential', async () => {
    const harness = await withFiles('bases');
    const full = (await harness.backUp('full')).root;
    const first = (await harness.backUp('incremental')).root;
    const second = (await harness.backUp('incremental')).root;
    const differential = (await harness.backUp('differential')).root;
    const container = (await harness.backUp('synthetic-full')).root;
    const onContainer = (await harness.backUp('incremental')).root;
    const nextDifferential = (await harness.backUp('differential')).root;

    expect(second).toMatchObject({ base: first.point, chain: full.point });
    expect(differential).toMatchObject({ base: full.point, chain: full.point });
    expect(container).toMatchObject({ base: differential.point, chain: container.point });
    expect(container.sourceTime).toBe(differential.sourceTime);
    expect(onContainer).toMatchObject({ base: container.point, chain: container.point });
    expect(nextDifferential).toMatchObject({ base: container.point, chain: container.point });
  });

  test('is never a point that has expired', async () => {
    const harness = await withFiles('expired');
    await harness.backUp('full', { keepDays: 1 });
    harness.clock.advance(2 * 86_400_000);

    expect((await harness.backUp('incremental')).root.type).toBe('full');
  });

  test('makes every root name the one that was committed before it', async () => {
    const harness = await withFiles('chain');
    const made: string[] = [];
    const rounds = Array.from({ length: 6 }, () => ['synthetic-full', 'incremental'] as const).flat();
    for (const type of ['full' as const, ...rounds]) {
      const { root } = await harness.backUp(type);
      expect(root.previous?.point, type).toBe(made.at(-1));
      made.push(root.point);
    }
  });
});

describe('a run that somebody cancels', () => {
  test('has its workers stop and commits nothing', async () => {
    const harness = await withFiles('cancel');
    const { plan, keys } = await open(harness, 'full');
    const shards = await shardsOf(harness, plan.runId);
    const options = { plan, keys, source: harness.source };
    for (const shard of shards) await protectShard(harness.services, shard, options);
    await harness.catalog.runs.cancel(plan.runId);

    await expect(protectShard(harness.services, shards[0] as Shard, options)).rejects.toThrow(RunClosedError);
    await expect(commit(harness, { plan, keys }, shards)).rejects.toThrow(RunClosedError);
    await failRun(harness.services, plan.runId, { name: 'Error', message: 'something' });

    expect((await harness.catalog.runs.find(plan.runId))?.state).toBe('cancelled');
    expect(await harness.committed()).toEqual([]);
    expect((await harness.backUp('full')).state).toBe('completed');
  });

  test('between the join and the root commits nothing either', async () => {
    const harness = await withFiles('late cancel');
    const { plan, keys } = await open(harness, 'full');
    const shards = await shardsOf(harness, plan.runId);
    for (const shard of shards)
      await protectShard(harness.services, shard, { plan, keys, source: harness.source });

    const committing = commitPoint(harness.services, keys, plan, async () => {
      const content = await joinShards(harness.services, keys, plan, shards.length);
      await harness.catalog.runs.cancel(plan.runId);
      return content;
    });

    await expect(committing).rejects.toThrow(RunClosedError);
    expect(await harness.committed()).toEqual([]);
  });
});

/** Shards cover all paths without a gap. Returns how many they are. */
function countGapless(shards: readonly Shard[]): number {
  const bounds = shards.map(({ paths }) =>
    [paths.from, paths.to].map((path) => path && Buffer.from(path).toString('hex')),
  );
  expect(bounds[0]?.[0]).toBeUndefined();
  expect(bounds.at(-1)?.[1]).toBeUndefined();
  for (const [at, [from]] of bounds.entries()) if (at > 0) expect(from).toBe(bounds[at - 1]?.[1]);
  return shards.length;
}

test('a point spells out the first thousand of its warnings, and counts all', async () => {
  const harness = new Harness('denied');
  for (let file = 0; file < 1_100; file += 1) {
    const path = `file ${String(file).padStart(4, '0')}`;
    harness.source.plant(path);
    harness.source.trap(path, 'deny');
  }
  harness.source.plant('readable');

  const { root, state } = await harness.backUp('full', { limits: { files: 300, bytes: 2 ** 30 } });

  expect(state).toBe('degraded');
  expect(root).toMatchObject({ warnings: 1_100, counts: { files: 1 } });
  expect(root.warningList).toHaveLength(1_000);
  expect(root.warningList.at(-1)?.path).toBe('file 0999');
});

test('a listing that stops and goes on in other processes cuts the same shards', async () => {
  const harness = new Harness('steps');
  for (let file = 0; file < 3_500; file += 1) harness.source.plant(`${file % 4}/${file}`, '');
  const { source, work, random } = harness;
  const options = { source, work, random, limits: { files: 100, bytes: 2 ** 30 } };
  const whole = await listShards({ ...options, workPrefix: 'whole/', shouldStop: () => false });

  let asked = 0;
  const shouldStop = (): boolean => ++asked % 3 !== 1;
  let step = await listShards({ ...options, workPrefix: 'steps/', shouldStop });
  let steps = 1;
  for (; !step.done; steps += 1) {
    const state = JSON.parse(JSON.stringify(step.state));
    step = await listShards({ ...options, workPrefix: 'steps/', shouldStop }, state);
  }

  expect(steps).toBeGreaterThan(1);
  expect(whole.done && countGapless(whole.shards)).toBeGreaterThanOrEqual(35);
  expect(countGapless(step.shards)).toBeGreaterThanOrEqual(35);
});
