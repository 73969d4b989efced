import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { RunClosedError, RunOpenError } from '../../src/errors.ts';
import type { RunId } from '../../src/ids.ts';
import { BufferPool } from '../../src/packs/buffer-pool.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { WorkStore } from '../../src/ports/work-store.ts';
import { joinShards } from '../../src/protect/join-shards.ts';
import { listShards } from '../../src/protect/list-shards.ts';
import { protectShard } from '../../src/protect/protect-shard.ts';
import { shardFromJson, shardToJson, type Shard } from '../../src/protect/shards.ts';
import { failRun } from '../../src/runs/close-run.ts';
import { commitPoint } from '../../src/runs/commit-point.ts';
import { openRun, type OpenedRun } from '../../src/runs/open-run.ts';
import { getRunPlan, runPrefix } from '../../src/runs/run-plan.ts';
import { countReferences, describeState, Harness, minute, packMapOf } from './harness.ts';

// Long on purpose: one way to make a run and its shards, which all of these tests take apart.

const limits = { files: 4, bytes: 2 ** 30 };

async function withFiles(seed: string): Promise<Harness> {
  const harness = new Harness(seed);
  for (let file = 0; file < 10; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(200));
  harness.clock.advance(minute);
  return harness;
}

/** Opens a run; a full finds no chunk that another attempt has stored, so that attempts differ. */
async function open(
  harness: Harness,
  type: 'full' | 'incremental',
  runId?: RunId,
): Promise<Extract<OpenedRun, { state: 'open' }>> {
  const opened = await openRun(
    harness.services,
    harness.request(type, { isolated: true, ...(runId && { runId }) }),
  );
  if (opened.state === 'over') throw new Error('the run is over');
  return opened;
}

async function shardsOf(harness: Harness, runId: RunId): Promise<readonly Shard[]> {
  const step = await listShards({
    source: harness.source,
    work: harness.work,
    workPrefix: runPrefix(runId),
    limits,
    shouldStop: () => false,
  });
  if (!step.done) throw new Error('the listing stopped');
  return step.shards.map((shard) => shardFromJson(JSON.parse(JSON.stringify(shardToJson(shard)))));
}

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
    expect((await harness.catalog.findRun(abandoned.plan.runId))?.state).toBe('failed');
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
    const run = await harness.catalog.findRun(root.run);
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
    await harness.catalog.cancelRun(plan.runId);

    await expect(protectShard(harness.services, shards[0] as Shard, options)).rejects.toThrow(RunClosedError);
    const commit = commitPoint(harness.services, keys, plan, async () =>
      joinShards(harness.services, keys, plan, shards.length),
    );
    await expect(commit).rejects.toThrow(RunClosedError);
    await failRun(harness.services, plan.runId, { name: 'Error', message: 'something' });

    expect((await harness.catalog.findRun(plan.runId))?.state).toBe('cancelled');
    expect(await harness.committed()).toEqual([]);
    expect((await harness.backUp('full')).state).toBe('completed');
  });

  test('between the join and the root commits nothing either', async () => {
    const harness = await withFiles('late cancel');
    const { plan, keys } = await open(harness, 'full');
    const shards = await shardsOf(harness, plan.runId);
    for (const shard of shards)
      await protectShard(harness.services, shard, { plan, keys, source: harness.source });

    const commit = commitPoint(harness.services, keys, plan, async () => {
      const content = await joinShards(harness.services, keys, plan, shards.length);
      await harness.catalog.cancelRun(plan.runId);
      return content;
    });

    await expect(commit).rejects.toThrow(RunClosedError);
    expect(await harness.committed()).toEqual([]);
  });
});

describe('a shard that runs twice', () => {
  test('at the same time leaves one consistent result', async () => {
    const harness = await withFiles('twice');
    const { plan, keys } = await open(harness, 'full');
    const shards = await shardsOf(harness, plan.runId);
    const options = { plan, keys, source: harness.source };

    await Promise.all(
      [...shards, ...shards].map(async (shard) => protectShard(harness.services, shard, options)),
    );
    const { root } = await commitPoint(harness.services, keys, plan, async () =>
      joinShards(harness.services, keys, plan, shards.length),
    );

    await expectWhole(harness, root.point);
  });

  test('so that the results of both cross on their way does not mix them', async () => {
    const harness = await withFiles('crossed');
    const { plan, keys } = await open(harness, 'full');
    const shards = await shardsOf(harness, plan.runId);
    const slow = new HeldWorkStore(harness.work);
    const options = { plan, keys, source: harness.source };
    // The first attempt writes its usage, is overtaken by the second, and then writes its result.
    const first = protectShard({ ...harness.services, work: slow }, shards[0] as Shard, options);
    await slow.reached;
    for (const shard of shards) await protectShard(harness.services, shard, options);
    slow.release();
    await first;

    const { root } = await commitPoint(harness.services, keys, plan, async () =>
      joinShards(harness.services, keys, plan, shards.length),
    );

    await expectWhole(harness, root.point);
  });
});

test('a shard says when its source has been read, so that one worker can begin the next beside its end', async () => {
  const harness = await withFiles('beside');
  const { plan, keys } = await open(harness, 'full');
  const shards = await shardsOf(harness, plan.runId);
  const buffers = new BufferPool();
  const allRead = Promise.withResolvers<void>();
  let read = 0;
  // Nothing reaches the store before every shard has read its source.
  const store = new Proxy<ObjectStore>(harness.store, {
    get: (target, name): unknown =>
      name === 'put'
        ? async (...given: Parameters<ObjectStore['put']>) =>
            allRead.promise.then(async () => target.put(...given))
        : Reflect.get(target, name, target),
  });
  const protectFrom = async (at: number): Promise<void> => {
    const shard = shards[at];
    if (shard === undefined) return;
    let next = Promise.resolve();
    const onSourceRead = (): void => {
      read += 1;
      if (read === shards.length) allRead.resolve();
      next = protectFrom(at + 1);
    };
    const services = { ...harness.services, store };
    await protectShard(services, shard, { plan, keys, source: harness.source, buffers, onSourceRead });
    await next;
  };

  await protectFrom(0);
  const { root } = await commitPoint(harness.services, keys, plan, async () =>
    joinShards(harness.services, keys, plan, shards.length),
  );

  expect(read).toBe(3);
  await expectWhole(harness, root.point);
});

describe('a step that runs several times at once', () => {
  test('opens one run with one plan', async () => {
    const harness = await withFiles('opened together');
    const runId = newId<RunId>(harness.random);
    const request = { ...harness.request('full'), runId };

    const opened = await Promise.all(
      Array.from({ length: 5 }, async () => openRun(harness.services, request)),
    );

    const plans = opened.map((run) => JSON.stringify(run.state === 'open' && run.plan));
    expect(new Set(plans).size).toBe(1);
  });

  test('commits one point', async () => {
    const harness = await withFiles('committed together');
    const { plan, keys } = await open(harness, 'full');
    const shards = await shardsOf(harness, plan.runId);
    for (const shard of shards)
      await protectShard(harness.services, shard, { plan, keys, source: harness.source });

    const committed = await Promise.all(
      Array.from({ length: 4 }, async () =>
        commitPoint(harness.services, keys, plan, async () =>
          joinShards(harness.services, keys, plan, shards.length),
        ),
      ),
    );

    expect(new Set(committed.map(({ root }) => root.point)).size).toBe(1);
    expect(await harness.committed()).toHaveLength(1);
    await expectWhole(harness, plan.pointId);
  });
});

async function expectWhole(harness: Harness, point: Parameters<Harness['open']>[0]): Promise<void> {
  const reader = await harness.open(point);
  const mapped = (await packMapOf(reader)).map(
    ({ packId, references, liveBytes }) => [packId, { references, liveBytes }] as const,
  );
  expect(new Map(mapped)).toEqual(await countReferences(reader));
  const { state, outcome } = await harness.restore(point);
  expect(outcome.failed).toEqual([]);
  expect(describeState(state)).toEqual(describeState(await harness.snapshotOfSource()));
}

/** Holds the writing of a shard's result until it is released. */
class HeldWorkStore implements WorkStore {
  readonly #work: WorkStore;
  readonly #held = Promise.withResolvers<void>();
  readonly #reached = Promise.withResolvers<void>();

  constructor(work: WorkStore) {
    this.#work = work;
  }

  /** Settles when somebody wants to write a result. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  release(): void {
    this.#held.resolve();
  }

  async put(name: string, body: Uint8Array): Promise<void> {
    if (name.includes('results/')) {
      this.#reached.resolve();
      await this.#held.promise;
    }
    await this.#work.put(name, body);
  }

  async putNew(name: string, body: Uint8Array): Promise<'written' | 'taken'> {
    return this.#work.putNew(name, body);
  }

  async get(name: string): Promise<Uint8Array> {
    return this.#work.get(name);
  }
}

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

  expect(state).toBe('completed-with-warnings');
  expect(root).toMatchObject({ warnings: 1_100, counts: { files: 1 } });
  expect(root.warningList).toHaveLength(1_000);
  expect(root.warningList.at(-1)?.path).toBe('file 0999');
});

test('a listing that stops and goes on in other processes cuts the same shards', async () => {
  const harness = new Harness('steps');
  for (let file = 0; file < 3_500; file += 1) harness.source.plant(`${file % 4}/${file}`, '');
  const options = { source: harness.source, work: harness.work, limits: { files: 100, bytes: 2 ** 30 } };
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
