import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { openVault } from '../../src/keys/open-vault.ts';
import { planVolumeShards, type VolumePlanning } from '../../src/restore/plan-volume-shards.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { getVolume } from '../../src/restore/point-volumes.ts';
import { writeSnapshotRange, type WrittenRange, WrittenSum } from '../../src/restore/write-snapshot.ts';
import {
  FakeClock,
  makeMemoryServices,
  MemoryBlockSource,
  MemorySnapshotWriter,
  putImagePoint,
  SeededRandom,
} from '../../src/testing/index.ts';

const blockBytes = 4096;
const volumeBlocks = 120;

/** Small windows, so that a worker that is stopped has read little ahead. */
const fetch = { windowBytes: 4 * blockBytes, windowItems: 4, cacheBytes: 0, runsAtOnce: 2 };

/** Content of blocks, by index; the same number is the same content, and none is zeros. */
type Blocks = ReadonlyMap<number, number>;

function contentOf(blocks: Blocks): Uint8Array {
  const content = new Uint8Array(volumeBlocks * blockBytes);
  for (const [index, seed] of blocks)
    content.set(new SeededRandom(`content ${seed}`).bytes(blockBytes), index * blockBytes);
  return content;
}

async function plant(...volumes: readonly Blocks[]) {
  const services = makeMemoryServices(new FakeClock(), new SeededRandom('image'));
  const { store, keyring } = services;
  const planted = volumes.map((blocks, at) => ({
    volume: `vol-0${at}`,
    content: contentOf(blocks),
    blockBytes,
  }));
  const root = await putImagePoint(services, { volumes: planted });
  const reader = await PointReader.open(
    store,
    await openVault({ store, keyring }),
    root.resource,
    root.point,
  );
  const found = await Promise.all(planted.map(async ({ volume }) => getVolume(reader, volume)));
  return { services, reader, volumes: found };
}

const blocksArbitrary = fc
  .array(fc.tuple(fc.nat(volumeBlocks - 1), fc.nat(40)), { maxLength: 60 })
  .map((pairs): Blocks => new Map(pairs));

/** A worker that dies at some of its calls, and is repeated, until all is written. */
async function untilDone<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Error) || error.message !== 'killed') throw error;
    }
  }
  throw new Error('it came to no end');
}

test('a volume that workers write, stopped and killed at any call, is sealed with its blocks, each once', async () => {
  await fc.assert(
    fc.asyncProperty(
      blocksArbitrary,
      blocksArbitrary,
      fc.boolean(),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 3, max: 40 }),
      // A volume may have been replaced by a smaller one.
      fc.constantFrom(80, volumeBlocks),
      async (blocks, anyBefore, isDelta, blocksOfShard, killEvery, blocksBefore) => {
        const { services, reader, volumes } = await plant(blocks);
        const [volume] = volumes;
        const source = new MemoryBlockSource(services.clock, { blockBytes, pageBlocks: 7 });
        const damaged = source.makeVolume(blocksBefore * blockBytes);
        const before = new Map([...anyBefore].filter(([index]) => index < blocksBefore));
        const old = contentOf(before);
        for (const index of before.keys())
          source.write(damaged, index, old.subarray(index * blockBytes, (index + 1) * blockBytes));
        // Blocks that were written, and are zeros.
        source.write(damaged, 77, new Uint8Array(blockBytes).fill(before.has(77) ? 9 : 0));
        const parentBytes = source.sizeOf(damaged);
        const parent = isDelta
          ? { snapshot: source.takeSnapshot(damaged), bytes: parentBytes, source }
          : undefined;
        const writer = new MemorySnapshotWriter();
        let calls = 0;
        const dying = {
          write: async (...args: Parameters<MemorySnapshotWriter['write']>) => {
            calls += 1;
            if (calls % killEvery === 0) throw new Error('killed');
            await writer.write(...args);
            if (calls % killEvery === 1) throw new Error('killed');
          },
        };
        const order = { sizeGiB: 1, clientToken: 'one', parent: parent?.snapshot, description: '', tags: {} };
        const started = await writer.start(order);
        if (started === 'busy') throw new Error('busy');
        const { snapshot } = started;
        const limits = { blocks: blocksOfShard, bytes: isDelta ? 50 * blockBytes : Infinity };
        const { planning } = await planVolumeShards(reader, volumes, limits, {});

        const sum = new WrittenSum();
        let same = 0;
        for (const { from: begin, to } of planning.shards) {
          let from: number | undefined = begin;
          while (from !== undefined) {
            let asked = 0;
            const range: { from: number; to: number } = { from, to };
            const did: WrittenRange = await untilDone(async () =>
              writeSnapshotRange(reader, volume!, {
                writer: killEvery < 10 ? writer : dying,
                snapshot,
                range,
                parent,
                comparedBlocks: 16,
                shouldStop: () => ++asked > 9,
                fetch,
              }),
            );
            sum.add(did);
            same += did.sameBlocks;
            from = did.next;
          }
        }

        expect(await writer.complete(snapshot, sum.total())).toBe('sealed');
        const written = writer.snapshots.get(snapshot)?.blocks ?? new Map<number, Uint8Array>();
        const content = new Uint8Array(old.length);
        if (parent !== undefined) content.set(source.contentOf(parent.snapshot));
        for (const [index, bytes] of written) content.set(bytes, index * blockBytes);
        expect(Buffer.compare(content, contentOf(blocks))).toBe(0);
        if (isDelta) {
          // Nothing is written that the parent has.
          for (const [index, seed] of blocks)
            if (before.get(index) === seed && index !== 77) expect(written.has(index)).toBe(false);
          expect(same).toBe([...blocks.keys()].filter((index) => !written.has(index)).length);
        } else expect(written.size).toBe(blocks.size);
      },
    ),
    { numRuns: 15 },
  );
});

test('a delta that has to stop goes on where only the parent has content', async () => {
  const { services, reader, volumes } = await plant(new Map());
  const source = new MemoryBlockSource(services.clock, { blockBytes, pageBlocks: 7 });
  const damaged = source.makeVolume(volumeBlocks * blockBytes);
  for (let index = 0; index < volumeBlocks; index += 1)
    source.write(damaged, index, new Uint8Array(blockBytes).fill(1));
  const bytes = source.sizeOf(damaged);
  const parent = { snapshot: source.takeSnapshot(damaged), bytes, source };
  const writer = new MemorySnapshotWriter();
  const order = { sizeGiB: 1, clientToken: 'one', parent: parent.snapshot, description: '', tags: {} };
  const { snapshot } = (await writer.start(order)) as { snapshot: string };
  const goOn = async (from: number) =>
    writeSnapshotRange(reader, volumes[0]!, {
      writer,
      snapshot,
      range: { from },
      parent,
      comparedBlocks: 50,
      shouldStop: () => true,
    });

  expect(await goOn(0)).toMatchObject({ blocks: 50, next: 50 * blockBytes });
  expect(source.counts.read).toBe(50);
  expect(await goOn(50 * blockBytes)).toMatchObject({ blocks: 50, next: 100 * blockBytes });
  expect(await goOn(100 * blockBytes)).toMatchObject({ blocks: 20, next: undefined });
});

test('shards lie one behind the other, have all of each volume and no more blocks than they may', async () => {
  await fc.assert(
    fc.asyncProperty(
      blocksArbitrary,
      blocksArbitrary,
      fc.integer({ min: 1, max: 20 }),
      fc.constantFrom(Infinity, 16 * blockBytes),
      async (one, other, blocks, bytes) => {
        const { reader, volumes } = await plant(one, other);
        let planning: VolumePlanning | undefined;
        let done = false;
        // A call that stops after every shard.
        while (!done) {
          const step: Awaited<ReturnType<typeof planVolumeShards>> = await planVolumeShards(
            reader,
            volumes,
            { blocks, bytes },
            { shouldStop: () => true, before: planning },
          );
          ({ done } = step);
          planning = JSON.parse(JSON.stringify(step.planning)) as VolumePlanning;
        }

        const shards = planning?.shards ?? [];
        expect(shards).toEqual(
          (await planVolumeShards(reader, volumes, { blocks, bytes }, {})).planning.shards,
        );
        expect(shards.map(({ index }) => index)).toEqual(shards.map((_, at) => at));
        for (const [at, filled] of [one, other].entries()) {
          const own = shards.filter(({ volume }) => volume === `vol-0${at}`);
          expect(own[0]?.from).toBe(0);
          expect(own.at(-1)?.to).toBe(volumeBlocks * blockBytes);
          for (const [next, shard] of own.entries()) {
            if (next > 0) expect(shard.from).toBe(own[next - 1]?.to);
            const inside = [...filled.keys()].filter(
              (index) => index * blockBytes >= shard.from && index * blockBytes < shard.to,
            );
            expect(shard.blocks).toBe(inside.length);
            expect(shard.blocks).toBeLessThanOrEqual(blocks);
            expect(shard.to - shard.from).toBeLessThanOrEqual(bytes);
          }
        }
      },
    ),
    { numRuns: 15 },
  );
});
