import { beforeEach, describe, expect, test } from 'vitest';
import type { ChunkId, PackId } from '../ids.ts';
import type { ChunkLocation } from '../packs/chunk-location.ts';
import type { ChunkIndex } from '../ports/chunk-index.ts';
import { eventually } from './eventually.ts';

export interface ChunkIndexContractOptions {
  readonly name: string;
  /** An empty index, made anew for every test. */
  readonly make: () => Promise<ChunkIndex>;
}

/**
 * Every sentence of the {@link ChunkIndex} port, as tests. An answer may lag behind a write for a moment, as the port
 * allows stale answers, so the suite asks again for up to ten seconds.
 */
export function chunkIndexContract(options: ChunkIndexContractOptions): void {
  describe(`${options.name} as a chunk index`, () => {
    let index: ChunkIndex;

    beforeEach(async () => {
      index = await options.make();
    });

    test('finds what was put and leaves out what is not known', async () => {
      await index.put([{ id: chunkId(1), location: location(1) }]);

      await eventually(async () => {
        expect(await index.find([chunkId(1), chunkId(2)])).toEqual(new Map([[chunkId(1), location(1)]]));
      });
    });

    test('takes and returns nothing', async () => {
      await index.put([]);

      expect(await index.find([])).toEqual(new Map());
    });

    test('replaces an older item of the same chunk', async () => {
      await index.put([{ id: chunkId(1), location: location(1) }]);
      await index.put([{ id: chunkId(1), location: location(2) }]);

      await eventually(async () => {
        expect((await index.find([chunkId(1)])).get(chunkId(1))).toEqual(location(2));
      });
    });

    test('takes the last of several entries of one chunk in a call, and repeated ids in a question', async () => {
      await index.put([
        { id: chunkId(1), location: location(1) },
        { id: chunkId(1), location: location(3) },
      ]);

      await eventually(async () => {
        expect(await index.find([chunkId(1), chunkId(1)])).toEqual(new Map([[chunkId(1), location(3)]]));
      });
    });

    test('keeps positions beyond four gigabytes exact', async () => {
      const far: ChunkLocation = {
        packId: packId(9),
        frame: 4_294_967_294,
        offset: 2 ** 45 + 1,
        length: 8_388_625,
        contentBytes: 8_388_608,
        start: 8_388_607,
      };
      await index.put([{ id: chunkId(1), location: far }]);

      await eventually(async () => {
        expect((await index.find([chunkId(1)])).get(chunkId(1))).toEqual(far);
      });
    });

    test('takes a thousand ids a call and finds all of them, and refuses more', async () => {
      const entries = Array.from({ length: 1001 }, (_, n) => ({ id: chunkId(n), location: location(n) }));
      await index.put(entries);
      const ids = entries.slice(0, 1000).map((entry) => entry.id);

      await eventually(async () => {
        expect(await index.find(ids)).toEqual(
          new Map(entries.slice(0, 1000).map((one) => [one.id, one.location])),
        );
      });
      await expect(index.find(entries.map((entry) => entry.id))).rejects.toMatchObject({
        name: 'InvalidInputError',
      });
    });

    test('removes the items that still name a pack, again too, and no others', async () => {
      await index.put(
        [1, 2, 3].map((n) => ({ id: chunkId(n), location: { ...location(n), packId: packId(7) } })),
      );
      // Stored once more since: another pack has the chunk by now.
      await index.put([{ id: chunkId(2), location: location(2) }]);
      const ids = [chunkId(1), chunkId(2), chunkId(1), chunkId(4)];

      await index.remove(ids, packId(7));
      await index.remove(ids, packId(7));

      await eventually(async () => {
        expect(await index.find([1, 2, 3, 4].map(chunkId))).toEqual(
          new Map([
            [chunkId(2), location(2)],
            [chunkId(3), { ...location(3), packId: packId(7) }],
          ]),
        );
      });
    });

    test('removes the items of a large pack, and of none', async () => {
      const entries = Array.from({ length: 300 }, (_, n) => ({ id: chunkId(n), location: location(1) }));
      await index.put(entries);

      await index.remove([], packId(1));
      await index.remove(
        entries.map((entry) => entry.id),
        packId(1),
      );

      await eventually(async () => {
        expect(await index.find(entries.map((entry) => entry.id))).toEqual(new Map());
      });
    });

    test('stops when it is aborted', async () => {
      await expect(index.find([chunkId(1)], AbortSignal.abort())).rejects.toThrow();
      await expect(index.remove([chunkId(1)], packId(1), AbortSignal.abort())).rejects.toThrow();
      await expect(
        index.put([{ id: chunkId(1), location: location(1) }], AbortSignal.abort()),
      ).rejects.toThrow();
    });
  });
}

function chunkId(n: number): ChunkId {
  return n.toString(16).padStart(64, 'c') as ChunkId;
}

function packId(n: number): PackId {
  return n.toString(16).padStart(32, 'a') as PackId;
}

function location(n: number): ChunkLocation {
  return { packId: packId(n), frame: n, offset: 40 + n * 1000, length: 1000, contentBytes: 5000, start: n };
}
