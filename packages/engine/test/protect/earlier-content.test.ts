import { expect, test } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import type { PackId } from '../../src/ids.ts';
import { pathKeys } from '../../src/manifest/tuple-key.ts';
import type { ChunkStore } from '../../src/packs/chunk-store.ts';
import { EarlierContent, type EarlierContentOptions } from '../../src/protect/earlier-content.ts';
import type { LeaseKeeper } from '../../src/runs/lease-keeper.ts';
import type { RunPlan } from '../../src/runs/run-plan.ts';
import { Harness } from '../runs/harness.ts';

/** An earlier point with an object of 3 MB and three small ones, whose packs can be leased or not. */
async function withEarlier(isLeased: boolean, options: Partial<EarlierContentOptions> = {}) {
  const harness = new Harness('earlier');
  const listed = harness.source.plant('cold', harness.random.bytes(3_000_000));
  const small = ['1', '2', '3'].map((path) => harness.source.plant(path, harness.random.bytes(1_000)));
  const { root } = await harness.backUp('full');
  const copied: number[] = [];
  const plan: Partial<RunPlan> = { earlier: root.point, resourceArn: harness.arn, isolated: false };
  const keeper: Pick<LeaseKeeper, 'lease'> = {
    lease: async (packs) =>
      Promise.resolve(new Map(isLeased ? [...packs].map((id) => [id, {}]) : []) as never),
  };
  const chunks: Pick<ChunkStore, 'add'> = {
    add: async (plain) => {
      copied.push(plain.length);
      const location = { packId: 'p' as PackId, frame: 0, offset: 0, length: 1 };
      return Promise.resolve({ id: 'c', plainBytes: plain.length, location } as never);
    },
  };
  const earlier = new EarlierContent({
    store: harness.store,
    keys: await harness.keys(),
    plan: plan as RunPlan,
    keeper: keeper as LeaseKeeper,
    chunks: chunks as ChunkStore,
    ...options,
  });
  const reader = await harness.open(root.point);
  const entries = await Array.fromAsync(reader.manifest.range(pathKeys(utf8('cold'))));
  return { earlier, listed, small, copied, entries, store: harness.store };
}

test('what can be leased is shared as the manifest says it, and read when it is wanted', async () => {
  const { earlier, listed, entries, copied } = await withEarlier(true);

  const found = await earlier.find({ ...listed, size: 1, changeToken: 'another version' });

  expect(found).toMatchObject({ isAsListed: false, file: { entry: { size: 3_000_000 } } });
  const content = found?.content ?? { copied: [] };
  if (!('shared' in content)) throw new Error('it was not shared');
  for (const time of ['once', 'and again'])
    expect(await Array.fromAsync(content.shared()), time).toEqual(entries.slice(1));
  expect(copied).toEqual([]);
});

test('what cannot be leased is copied, but nothing that is too much for a call', async () => {
  const small = await withEarlier(false, { mostCopiedBytes: 3_000_000 });
  const large = await withEarlier(false, { mostCopiedBytes: 2_999_999 });

  const found = await small.earlier.find(small.listed);

  expect(found?.content).toHaveProperty('copied');
  expect(small.copied.reduce((sum, bytes) => sum + bytes, 0)).toBe(3_000_000);
  expect(await large.earlier.find(large.listed)).toBeUndefined();
  expect(large.copied).toEqual([]);
});

test('contents that are copied out of one frame read it once', async () => {
  const { earlier, small, copied, store } = await withEarlier(false);
  const [first, ...others] = small;
  if (first === undefined) throw new Error('nothing was planted');
  await earlier.find(first);
  store.resetCounters();

  for (const one of others) expect((await earlier.find(one))?.content).toHaveProperty('copied');

  expect(copied).toEqual([1_000, 1_000, 1_000]);
  expect(store.bytesFetched).toBe(0);
});
