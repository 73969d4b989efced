import { setImmediate } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PackId } from '../../src/ids.ts';
import { createChunkIdReader } from '../../src/maintenance/pack-chunk-ids.ts';
import { checkPack } from '../../src/packs/check-pack.ts';
import type { PackLeases, UsablePack } from '../../src/packs/chunk-places.ts';
import { storedShareOf } from '../../src/packs/chunk-location.ts';
import { ChunkStore, type ChunkStoreOptions, type StoredChunk } from '../../src/packs/chunk-store.ts';
import { cutChunk } from '../../src/packs/cut-chunk.ts';
import { packName } from '../../src/packs/object-names.ts';
import { encodeContent } from '../../src/packs/frame-codec.ts';
import { PackReader } from '../../src/packs/pack-reader.ts';
import type { StoredPack } from '../../src/packs/store-pack.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import { FaultPlan, SeededRandom, withFaults } from '../../src/testing/index.ts';
import { makeContents, makeTestVault, type TestVault } from './test-vault.ts';

const policy = {
  packTargetBytes: 9 * 2 ** 20,
  lookupChunks: 10,
  lookupBytes: 2 ** 20,
  rememberedChunks: 1_000,
};

/** Says of a few packs that they cannot be leased, and counts the questions. */
class StubLeases implements PackLeases {
  readonly lost = new Set<PackId>();
  asked = 0;

  async lease(packIds: Iterable<PackId>): Promise<ReadonlyMap<PackId, UsablePack>> {
    this.asked++;
    await Promise.resolve();
    const usable = { kind: 'chunks', retentionClass: 'standard' } as const;
    return new Map([...packIds].filter((packId) => !this.lost.has(packId)).map((packId) => [packId, usable]));
  }
}

function makeStore(vault: TestVault, change: Partial<ChunkStoreOptions> = {}) {
  const leases = new StubLeases();
  const packs: StoredPack[] = [];
  const store = new ChunkStore({
    ...vault,
    leases,
    policy,
    onPackStored: (pack) => packs.push(pack),
    ...change,
  });
  return { store, leases, packs };
}

const blockPolicy = { policy: { ...policy, lookupChunks: 32, lookupBytes: 16 * 2 ** 20 } };

/** Blocks of a volume, more than a quarter of which cannot be compressed. */
function makeBlocks(count: number): Buffer[] {
  const random = new SeededRandom('blocks');
  return Array.from({ length: count }, () => {
    const block = Buffer.alloc(512 * 1024);
    block.set(random.bytes(150_000));
    return block;
  });
}

/** A store that gives other bytes than it has. */
function misread(store: ObjectStore): ObjectStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'get') return async () => Promise.resolve(new Uint8Array(100));
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

async function addAll(store: ChunkStore, contents: readonly Buffer[]): Promise<StoredChunk[]> {
  const chunks: StoredChunk[] = [];
  const view = Buffer.alloc(2 ** 23);
  for (const content of contents) {
    // One buffer for all of them: a chunk that is still looked at later would show another's bytes.
    content.copy(view);
    chunks.push(await store.add(view.subarray(0, content.length)));
  }
  await store.flush();
  return chunks;
}

async function expectReadable(vault: TestVault, chunks: readonly StoredChunk[], contents: readonly Buffer[]) {
  const reader = new PackReader(vault.store, vault.vault);
  for (const [index, chunk] of chunks.entries()) {
    const { packId } = chunk.location!;
    const object = { packId, name: packName('standard', packId) };
    const reference = { ...chunk, location: chunk.location! };
    const [content] = await reader.readFrames(object, 'chunk', [reference.location]);
    const read = content instanceof Uint8Array && cutChunk(vault.vault, content, reference);
    expect(read instanceof Uint8Array && contents[index]!.equals(read)).toBe(true);
  }
}

describe('a chunk store', () => {
  test('stores every content once, in any number of packs, and can give each of them back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.array(fc.nat(29), { minLength: 1, maxLength: 60 }),
        async (seed, picks) => {
          const vault = await makeTestVault(seed);
          const distinct = makeContents(seed, 30);
          const contents = picks.map((pick) => distinct[pick]!);
          const { store } = makeStore(vault);

          const chunks = await addAll(store, contents);

          await expectReadable(vault, chunks, contents);
          const used = new Set(picks);
          expect(store.counts).toMatchObject({
            chunks: picks.length,
            newChunks: used.size,
            newBytes: [...used].reduce((sum, pick) => sum + distinct[pick]!.length, 0),
            plainBytes: contents.reduce((sum, content) => sum + content.length, 0),
          });
        },
      ),
      { numRuns: 15 },
    );
  });

  test('fills packs up and keeps the order of the chunks', async () => {
    const vault = await makeTestVault();
    const contents = Array.from({ length: 14 }, () => Buffer.from(vault.random.bytes(2 ** 21)));
    const { store, packs } = makeStore(vault);

    const chunks = await addAll(store, contents);

    expect(packs.length).toBe(4);
    expect(packs.every(({ bytes }) => bytes <= policy.packTargetBytes)).toBe(true);
    expect(packs.slice(0, -1).every(({ bytes }) => bytes > 8 * 2 ** 20)).toBe(true);
    const order = chunks.map(
      ({ location }) => packs.findIndex(({ packId }) => packId === location!.packId) * 1000 + location!.frame,
    );
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(store.counts.storedBytes).toBe(packs.reduce((sum, { bytes }) => sum + bytes, 0));
    for (const { packId, name } of packs) {
      expect((await checkPack(vault.store, vault.vault, { packId, name }, 'chunks')).damage).toEqual([]);
    }
    await expectReadable(vault, chunks, contents);
  });

  test('refers to chunks that another run stored in a pack that can be leased', async () => {
    const vault = await makeTestVault();
    const contents = makeContents('again', 25);
    const before = await addAll(makeStore(vault).store, contents);
    vault.store.resetCounters();
    const { store, leases } = makeStore(vault);

    const after = await addAll(store, contents);

    expect(after.map(({ location }) => location)).toEqual(before.map(({ location }) => location));
    expect(store.counts).toMatchObject({ newChunks: 0, newBytes: 0, storedBytes: 0 });
    expect(vault.store.requests('put')).toBe(0);
    expect(leases.asked).toBe(3);
  });

  test('stores chunks again whose pack cannot be leased', async () => {
    const vault = await makeTestVault();
    const contents = makeContents('lost', 25);
    const [before] = await addAll(makeStore(vault).store, contents);
    const { store, leases } = makeStore(vault);
    leases.lost.add(before!.location!.packId);

    const after = await addAll(store, contents);

    expect(store.counts.newChunks).toBe(25);
    expect(after.every(({ location }) => location!.packId !== before!.location!.packId)).toBe(true);
    await expectReadable(vault, after, contents);
  });

  test('stores a chunk again whose place in the index cannot be', async () => {
    for (const change of [
      { contentBytes: 1_999 },
      { contentBytes: 2 ** 23 + 1 },
      { start: -1 },
      { start: 1 },
      { frame: 2 ** 32 },
      { offset: 39 },
      { length: 2 ** 53 - 1 },
    ]) {
      const vault = await makeTestVault();
      const contents = [Buffer.from(vault.random.bytes(2_000))];
      const [before] = await addAll(makeStore(vault).store, contents);
      const { id, location } = before!;
      await vault.chunkIndex.put([{ id, location: { ...location!, ...change } }]);
      const { store } = makeStore(vault);

      const after = await addAll(store, contents);

      expect(store.counts.newChunks, JSON.stringify(change)).toBe(1);
      await expectReadable(vault, after, contents);
    }
  });

  test('finds blocks of volumes again, whichever of them comes first, though most are not in the index', async () => {
    const vault = await makeTestVault('blocks');
    const blocks = makeBlocks(200);
    const before = await addAll(makeStore(vault, blockPolicy).store, blocks);
    expect(new Set(before.map(({ location }) => location?.packId)).size).toBeGreaterThan(3);
    expect(vault.chunkIndex.size).toBeLessThan(50);

    const fromTheStart = makeStore(vault, blockPolicy).store;
    await expectReadable(vault, await addAll(fromTheStart, blocks), blocks);
    const fromTheMiddle = makeStore(vault, blockPolicy).store;
    await addAll(fromTheMiddle, blocks.slice(61));

    expect(fromTheStart.counts.newChunks).toBe(0);
    // Up to the first one of its pack that the index knows.
    expect(fromTheMiddle.counts.newChunks).toBeLessThan(20);
  });

  test('stores blocks again whose pack has lost its directory, or cannot be leased', async () => {
    const vault = await makeTestVault('lost blocks');
    const blocks = makeBlocks(30);
    const [first] = await addAll(makeStore(vault, blockPolicy).store, blocks);
    const { packId } = first!.location!;
    const refused = makeStore(vault, blockPolicy);
    refused.leases.lost.add(packId);
    await expectReadable(vault, await addAll(refused.store, blocks), blocks);
    expect(refused.store.counts.newChunks).toBe(blocks.length);

    const { store } = makeStore(vault, { ...blockPolicy, store: misread(vault.store) });
    const after = await addAll(store, blocks);

    expect(store.counts.newChunks).toBeGreaterThan(20);
    await expectReadable(vault, after, blocks);
  });

  test('the index forgets all that it knew of a pack of blocks, by the directory of the pack', async () => {
    const vault = await makeTestVault('swept blocks');
    const { store, packs } = makeStore(vault, blockPolicy);
    await addAll(store, makeBlocks(60));
    const listIds = createChunkIdReader(vault.store, vault.vault);
    const known = vault.chunkIndex.size;

    for (const { packId } of packs) {
      const row = vault.catalog.packRows().find((one) => one.packId === packId)!;
      await vault.chunkIndex.remove(await listIds(row), packId);
    }

    expect(known).toBeGreaterThan(0);
    expect(vault.chunkIndex.size).toBe(0);
  });

  test('shares no pack when told so, and still stores every content once', async () => {
    const vault = await makeTestVault();
    const contents = makeContents('isolated', 12);
    const [before] = await addAll(makeStore(vault).store, contents);
    const { store, leases } = makeStore(vault, { sharePacks: false });

    const after = await addAll(store, [...contents, ...contents]);

    expect(leases.asked).toBe(0);
    expect(store.counts.newChunks).toBe(12);
    expect(after.every(({ location }) => location!.packId !== before!.location!.packId)).toBe(true);
  });

  test('puts small chunks into shared frames, in their order, and a large one into its own', async () => {
    const vault = await makeTestVault();
    const small = makeContents('small', 40, 30_000);
    const large = Buffer.from(vault.random.bytes(2 ** 20));
    const contents = [...small.slice(0, 20), large, ...small.slice(20)];
    const { store, packs } = makeStore(vault);

    const chunks = await addAll(store, contents);

    await expectReadable(vault, chunks, contents);
    const places = chunks.map(({ location }) => location!);
    expect(places[20]).toMatchObject({ start: 0, contentBytes: large.length });
    const shared = places.toSpliced(20, 1);
    expect(new Set(shared.map(({ frame }) => frame)).size).toBe(2);
    for (const [index, { frame, start }] of shared.entries()) {
      const before = shared[index - 1];
      const goesOn = before?.frame === frame;
      expect(start).toBe(goesOn ? before.start + small[index - 1]!.length : 0);
    }
    const found = await vault.chunkIndex.find(chunks.map(({ id }) => id));
    expect(chunks.map(({ id }) => found.get(id))).toEqual(places);
    const [{ packId, name }] = packs as [StoredPack];
    expect(await checkPack(vault.store, vault.vault, { packId, name }, 'chunks')).toMatchObject({
      frames: 3,
      damage: [],
    });
  });

  test('stores many small texts in less room than one by one', async () => {
    const vault = await makeTestVault();
    const texts = Array.from({ length: 200 }, (_, at) =>
      Buffer.from(
        JSON.stringify({ name: `package-${at}`, version: `1.${at}.0`, license: 'MIT', main: 'index.js' }),
      ),
    );
    const { store } = makeStore(vault);

    await addAll(store, texts);

    const oneByOne = texts.reduce((sum, text) => sum + encodeContent(text).payload.length, 0);
    const chunksAlone = texts.length * (32 + 2);
    expect(store.counts.storedBytes - chunksAlone).toBeLessThan(oneByOne / 4);
  });

  test.each([1, 2, 3, 7, 100, 4_097])('parts of %i small chunks add up to their frame', async (count) => {
    const vault = await makeTestVault(count);
    const contents = makeContents(count, count, 60);
    const chunks = await addAll(makeStore(vault).store, contents);

    const frames = new Map<number, { length: number; shares: number }>();
    for (const { plainBytes, location } of chunks) {
      const frame = frames.get(location!.frame) ?? { length: location!.length, shares: 0 };
      frame.shares += storedShareOf({ plainBytes, location: location! });
      frames.set(location!.frame, frame);
    }
    for (const { length, shares } of frames.values()) expect(shares).toBe(length);
  });

  test('serves overlapping calls in their order', async () => {
    const vault = await makeTestVault();
    const contents = makeContents('overlap', 50);
    const { store } = makeStore(vault);

    const chunks = await Promise.all(contents.map(async (content) => store.add(content)));
    await store.flush();

    const places = chunks.map(({ location }) => location!.frame * 2 ** 20 + location!.start);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    await expectReadable(vault, chunks, contents);
  });

  test('forgets chunks beyond its limit without storing them again', async () => {
    const vault = await makeTestVault();
    const contents = makeContents('forget', 60);
    const { store } = makeStore(vault, { policy: { ...policy, rememberedChunks: 20 } });
    await addAll(store, contents);

    const again = await addAll(store, contents);

    expect(store.counts.newChunks).toBe(60);
    await expectReadable(vault, again, contents);
  });

  test('does not forget chunks that are still on their way', async () => {
    const vault = await makeTestVault();
    const contents = makeContents('on their way', 40);
    const { store } = makeStore(vault, { policy: { ...policy, lookupChunks: 2, rememberedChunks: 5 } });

    const chunks = await addAll(store, [...contents, ...contents]);

    expect(store.counts.newChunks).toBe(40);
    await expectReadable(vault, chunks, [...contents, ...contents]);
  });

  test('asks about what waits before a chunk that has no room beside it', async () => {
    const vault = await makeTestVault();
    const wide = { ...policy, lookupBytes: 8 * 2 ** 20 };
    const { store, leases } = makeStore(vault, { policy: wide });
    const contents = [3, 7, 8, 1].map((mebibytes) => Buffer.alloc(mebibytes * 2 ** 20, `${mebibytes} MiB`));

    const chunks = await addAll(store, contents);

    expect(leases.asked).toBe(4);
    await expectReadable(vault, chunks, contents);
  });

  test('asks at once about a chunk that is longer than all that may wait, behind those before it', async () => {
    const vault = await makeTestVault();
    const { store, leases } = makeStore(vault, { policy: { ...policy, lookupBytes: 2 ** 20 } });
    const bytes = [5_000, 2 ** 20 + 1, 6_000, 2 ** 20];
    const contents = bytes.map((length) => Buffer.alloc(length, `${length} bytes`));

    const asked: number[] = [];
    const chunks: StoredChunk[] = [];
    for (const content of contents) {
      chunks.push(await store.add(content));
      asked.push(leases.asked);
    }
    await store.flush();

    expect(asked).toEqual([0, 2, 2, 4]);
    await expectReadable(vault, chunks, contents);
  });

  test('says where a chunk lies only once it lies there', async () => {
    const vault = await makeTestVault();
    const { store } = makeStore(vault);

    const chunk = await store.add(Buffer.from('waiting'));
    expect(chunk.location).toBeUndefined();
    await store.flush();

    const rows = await vault.catalog.packs.findAll([chunk.location!.packId]);
    expect([...rows.values()].map(({ state }) => state)).toEqual(['live']);
  });

  test('goes on with an upload while the next pack is filled', async () => {
    const vault = await makeTestVault(21);
    const turns = { taken: 0 };
    // As a store on a network or a disk: each step of a write is a turn of the event loop.
    const slow: ObjectStore = Object.assign(Object.create(vault.store) as ObjectStore, {
      put: async (...args: Parameters<ObjectStore['put']>) => {
        const version = await vault.store.put(...args);
        for (; turns.taken < 5; turns.taken++) await setImmediate();
        return version;
      },
    });
    const { store, packs } = makeStore(vault, { store: slow, sharePacks: false });
    const random = new SeededRandom(21);

    // One full pack, and two thirds of the next.
    for (let chunk = 0; chunk < 15; chunk++) await store.add(random.bytes(2 ** 20));

    expect(turns.taken).toBe(5);
    expect(packs).toHaveLength(1);
    await store.flush();
    expect(packs).toHaveLength(2);
  });

  test('names the pack that was stored, after an upload had to be repeated', async () => {
    const vault = await makeTestVault();
    const contents = makeContents('renamed', 8);
    const plan = new FaultPlan([{ kind: 'fail-after', call: 1, method: 'put' }]);
    const { store } = makeStore(vault, { store: withFaults(vault.store, plan) });

    const chunks = await addAll(store, contents);

    await expectReadable(vault, chunks, contents);
    const found = await vault.chunkIndex.find(chunks.map(({ id }) => id));
    expect(chunks.every(({ id, location }) => found.get(id)?.packId === location!.packId)).toBe(true);
  });

  test('fails for good when a pack cannot be stored', async () => {
    const vault = await makeTestVault();
    const plan = new FaultPlan([{ kind: 'throttle', call: 1, method: 'put', times: 1000 }]);
    const { store } = makeStore(vault, { store: withFaults(vault.store, plan) });
    await store.add(Buffer.from('x'));

    await expect(store.flush()).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    await expect(store.add(Buffer.from('y'))).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    await expect(store.flush()).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  });

  test.each([0, 8 * 2 ** 20 + 1])('takes no chunk of %i bytes', async (count) => {
    const { store } = makeStore(await makeTestVault());

    await expect(store.add(Buffer.alloc(count))).rejects.toMatchObject({ name: 'InvalidInputError' });
  });

  test('takes the largest chunk that the format knows into its smallest pack', async () => {
    const vault = await makeTestVault();
    const content = Buffer.from(vault.random.bytes(8 * 2 ** 20));

    const chunks = await addAll(makeStore(vault).store, [content]);

    await expectReadable(vault, chunks, [content]);
  });
});
