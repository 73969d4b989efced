import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { SnapshotMissingError, UnrelatedSnapshotsError } from '../errors.ts';
import type { BlockContent, BlockPage, BlockSource, SnapshotBlock } from '../ports/block-source.ts';

/** A source of blocks, and the volumes behind it. */
export interface BlockSourceUnderTest {
  readonly source: BlockSource;
  readonly blockBytes: number;
  /** Makes an empty volume of so many blocks. @returns its id. */
  readonly makeVolume: (blocks: number) => Promise<string>;
  readonly write: (volume: string, index: number, bytes: Uint8Array) => Promise<void>;
  /** Has a volume forget a block. Absent where no volume can. */
  readonly trim?: (volume: string, index: number) => Promise<void>;
  /** @returns the id of a snapshot that is complete. */
  readonly takeSnapshot: (volume: string) => Promise<string>;
  readonly removeSnapshot: (snapshot: string) => Promise<void>;
}

export interface BlockSourceContractOptions {
  readonly name: string;
  /** A source without volumes, made anew for every test. */
  readonly make: () => Promise<BlockSourceUnderTest>;
  /** Blocks of a volume. @default 2,048, which are a GiB on AWS, and the least that a volume has there */
  readonly volumeBlocks?: number;
}

/** Sentences of the {@link BlockSource} port, as tests. */
export function blockSourceContract({ name, make, volumeBlocks = 2_048 }: BlockSourceContractOptions): void {
  describe(`${name} as a source of blocks`, () => {
    let made: BlockSourceUnderTest;
    const contentOf = (seed: number): Uint8Array => new Uint8Array(made.blockBytes).fill(seed + 1);
    const fill = async (volume: string, ...indexes: readonly number[]): Promise<void> => {
      for (const index of indexes) await made.write(volume, index, contentOf(index));
    };
    const read = async (snapshot: string, block: SnapshotBlock): Promise<BlockContent> => {
      const { index, token } = block;
      const content = token === undefined ? 'expired' : await made.source.read(snapshot, { index, token });
      if (content === 'expired') throw new Error(`block ${index} has no token that is good`);
      return content;
    };

    beforeEach(async () => {
      made = await make();
    });

    test('lists the blocks that were written, in their order, and how large the volume is', async () => {
      const volume = await made.makeVolume(volumeBlocks);
      await fill(volume, 700, 3, volumeBlocks - 1);
      const snapshot = await made.takeSnapshot(volume);

      const pages = await Array.fromAsync(made.source.list(snapshot, 0));

      expect(indexesOf(pages)).toEqual([3, 700, volumeBlocks - 1]);
      for (const page of pages)
        expect(page).toMatchObject({
          bytes: volumeBlocks * made.blockBytes,
          blockBytes: made.blockBytes,
        });
    });

    test('lists as many blocks as many pages have, each once', async () => {
      const volume = await made.makeVolume(volumeBlocks);
      const written = Array.from({ length: 250 }, (_, at) => 2 * at);
      await fill(volume, ...written);
      const snapshot = await made.takeSnapshot(volume);

      expect(indexesOf(await Array.fromAsync(made.source.list(snapshot, 0)))).toEqual(written);
    });

    test('lists from an index on', async () => {
      const volume = await made.makeVolume(volumeBlocks);
      await fill(volume, 1, 2, 3);
      const snapshot = await made.takeSnapshot(volume);

      expect(indexesOf(await Array.fromAsync(made.source.list(snapshot, 2)))).toEqual([2, 3]);
    });

    test('lists on from each of its pages, whatever was listed before it', async () => {
      const volume = await made.makeVolume(volumeBlocks);
      await fill(volume, ...Array.from({ length: 250 }, (_, at) => 2 * at));
      const snapshot = await made.takeSnapshot(volume);

      const pages = await Array.fromAsync(made.source.list(snapshot, 0));

      expect(pages.at(-1)?.next).toBeUndefined();
      for (const [at, { next }] of pages.entries()) {
        if (next === undefined) continue;
        const rest = await Array.fromAsync(made.source.list(snapshot, next));
        expect(indexesOf(rest)).toEqual(indexesOf(pages.slice(at + 1)));
      }
    });

    test('tells the size of a volume in which nothing was written', async () => {
      const snapshot = await made.takeSnapshot(await made.makeVolume(volumeBlocks));

      const pages = await Array.fromAsync(made.source.list(snapshot, 0));

      expect(indexesOf(pages)).toEqual([]);
      expect(pages[0]).toMatchObject({ bytes: volumeBlocks * made.blockBytes, blockBytes: made.blockBytes });
    });

    test('reads a block as it was when the snapshot was taken, with its SHA-256', async () => {
      const volume = await made.makeVolume(volumeBlocks);
      await fill(volume, 5);
      const snapshot = await made.takeSnapshot(volume);
      await made.write(volume, 5, contentOf(9));

      const [block] = blocksOf(await Array.fromAsync(made.source.list(snapshot, 0)));
      const { bytes, sha256 } = await read(snapshot, block as SnapshotBlock);

      expect(Buffer.compare(bytes, contentOf(5))).toBe(0);
      expect(Buffer.from(sha256).toString('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
    });

    test('gives each reader memory of its own', async () => {
      const volume = await made.makeVolume(volumeBlocks);
      await fill(volume, 5);
      const snapshot = await made.takeSnapshot(volume);
      const [block] = blocksOf(await Array.fromAsync(made.source.list(snapshot, 0)));

      (await read(snapshot, block as SnapshotBlock)).bytes.fill(0);

      expect(Buffer.compare((await read(snapshot, block as SnapshotBlock)).bytes, contentOf(5))).toBe(0);
    });

    test('lists what changed since another snapshot, which can be read', async () => {
      const volume = await made.makeVolume(volumeBlocks);
      await fill(volume, 1, 2, 3);
      const base = await made.takeSnapshot(volume);
      await made.write(volume, 2, contentOf(20));
      await made.write(volume, 40, contentOf(40));
      const snapshot = await made.takeSnapshot(volume);

      const pages = await Array.fromAsync(made.source.listChanged(snapshot, base, 0));

      expect(indexesOf(pages)).toEqual([2, 40]);
      const [changed, added] = blocksOf(pages);
      expect(Buffer.compare((await read(snapshot, changed as SnapshotBlock)).bytes, contentOf(20))).toBe(0);
      expect(Buffer.compare((await read(snapshot, added as SnapshotBlock)).bytes, contentOf(40))).toBe(0);
      expect(indexesOf(await Array.fromAsync(made.source.listChanged(snapshot, base, 3)))).toEqual([40]);
    });

    test('lists no change between two snapshots of one state, and tells the size', async () => {
      const volume = await made.makeVolume(volumeBlocks);
      await fill(volume, 1);
      const base = await made.takeSnapshot(volume);
      const snapshot = await made.takeSnapshot(volume);

      const pages = await Array.fromAsync(made.source.listChanged(snapshot, base, 0));

      expect(indexesOf(pages)).toEqual([]);
      expect(pages[0]).toMatchObject({ blockBytes: made.blockBytes });
    });

    test('lists a block that a volume has forgotten as changed, without a token', async ({ skip }) => {
      if (made.trim === undefined) return skip();
      const volume = await made.makeVolume(volumeBlocks);
      await fill(volume, 1, 2);
      const base = await made.takeSnapshot(volume);
      await made.trim(volume, 2);
      const snapshot = await made.takeSnapshot(volume);

      const changed = blocksOf(await Array.fromAsync(made.source.listChanged(snapshot, base, 0)));

      expect(changed.map(({ index, token }) => ({ index, token }))).toEqual([{ index: 2, token: undefined }]);
      expect(indexesOf(await Array.fromAsync(made.source.list(snapshot, 0)))).toEqual([1]);
    });

    test('compares no snapshots of different volumes', async () => {
      const [one, other] = [await made.makeVolume(volumeBlocks), await made.makeVolume(volumeBlocks)];
      const [snapshot, base] = [await made.takeSnapshot(one), await made.takeSnapshot(other)];

      await expect(Array.fromAsync(made.source.listChanged(snapshot, base, 0))).rejects.toThrow(
        UnrelatedSnapshotsError,
      );
    });

    test('says of a snapshot that it is gone', async () => {
      const volume = await made.makeVolume(volumeBlocks);
      await fill(volume, 1);
      const base = await made.takeSnapshot(volume);
      const snapshot = await made.takeSnapshot(volume);
      const [block] = blocksOf(await Array.fromAsync(made.source.list(base, 0)));

      await made.removeSnapshot(base);

      await expect(Array.fromAsync(made.source.list(base, 0))).rejects.toThrow(SnapshotMissingError);
      await expect(Array.fromAsync(made.source.listChanged(snapshot, base, 0))).rejects.toThrow(
        SnapshotMissingError,
      );
      await expect(read(base, block as SnapshotBlock)).rejects.toThrow(SnapshotMissingError);
    });

    test('ends with its signal', async () => {
      const volume = await made.makeVolume(volumeBlocks);
      await fill(volume, 1);
      const snapshot = await made.takeSnapshot(volume);
      const signal = AbortSignal.abort();

      await expect(Array.fromAsync(made.source.list(snapshot, 0, signal))).rejects.toThrow(/abort/i);
    });
  });
}

function blocksOf(pages: readonly BlockPage[]): readonly SnapshotBlock[] {
  return pages.flatMap(({ blocks }) => blocks);
}

function indexesOf(pages: readonly BlockPage[]): readonly number[] {
  return blocksOf(pages).map(({ index }) => index);
}
