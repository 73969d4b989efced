import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { RunId } from '../../src/ids.ts';
import { BufferPool } from '../../src/packs/buffer-pool.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { WorkStore } from '../../src/ports/work-store.ts';
import { protectShard } from '../../src/protect/protect-shard.ts';
import type { Shard } from '../../src/protect/shards.ts';
import { openRun } from '../../src/runs/open-run.ts';
import { countReferences, describeState, type Harness, packMapOf } from './harness.ts';
import { commit, open, shardsOf, withFiles } from './opened-run.ts';

describe('a shard that runs twice', () => {
  test('at the same time leaves one consistent result', async () => {
    const harness = await withFiles('twice');
    const { plan, keys } = await open(harness, 'full');
    const shards = await shardsOf(harness, plan.runId);
    const options = { plan, keys, source: harness.source };

    await Promise.all(
      [...shards, ...shards].map(async (shard) => protectShard(harness.services, shard, options)),
    );
    const { root } = await commit(harness, { plan, keys }, shards);

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

    const { root } = await commit(harness, { plan, keys }, shards);

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
  const { root } = await commit(harness, { plan, keys }, shards);

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
      Array.from({ length: 4 }, async () => commit(harness, { plan, keys }, shards)),
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
