import { createHash, randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { TargetUnavailableError } from '../errors.ts';
import type { SnapshotOrder, SnapshotWriter } from '../ports/snapshot-writer.ts';
import { eventually } from './eventually.ts';

/** A place that snapshots are written to, and a way to see what became of them. */
export interface SnapshotWriterUnderTest {
  readonly writer: SnapshotWriter;
  readonly blockBytes: number;
  /** Blocks of a completed snapshot that are not zeros, by index, also its parent's; `undefined` before. */
  readonly blocksOf: (snapshot: string) => Promise<ReadonlyMap<number, Uint8Array> | undefined>;
  readonly remove: (snapshot: string) => Promise<void>;
}

export interface SnapshotWriterContractOptions {
  readonly name: string;
  readonly make: () => Promise<SnapshotWriterUnderTest>;
}

const orderOf = (more: Partial<SnapshotOrder> = {}): SnapshotOrder => ({
  sizeGiB: 1,
  clientToken: `contract-${randomUUID()}`,
  description: 'a contract',
  tags: { 'holdfast:restore': 'contract' },
  ...more,
});

const sumOf = (...blocks: readonly { readonly sha256: Uint8Array }[]) => ({
  blocks: blocks.length,
  sha256: createHash('sha256')
    .update(Buffer.concat(blocks.map(({ sha256 }) => sha256)))
    .digest(),
});

/** Sentences of the {@link SnapshotWriter} port, as tests. */
export function snapshotWriterContract({ name, make }: SnapshotWriterContractOptions): void {
  describe(`${name} as a writer of snapshots`, () => {
    let made: SnapshotWriterUnderTest;

    const start = async (order: SnapshotOrder): Promise<string> => {
      const started = await made.writer.start(order);
      if (started === 'busy') throw new Error('no snapshot may be begun');
      return started.snapshot;
    };
    const blockOf = (index: number, seed: number) => {
      const bytes = new Uint8Array(made.blockBytes).fill(seed);
      return { index, bytes, sha256: createHash('sha256').update(bytes).digest() };
    };
    const write = async (snapshot: string, ...blocks: readonly ReturnType<typeof blockOf>[]) => {
      for (const block of blocks) await made.writer.write(snapshot, block);
      return made.writer.complete(snapshot, sumOf(...blocks));
    };
    const completed = async (snapshot: string): Promise<ReadonlyMap<number, Uint8Array>> =>
      eventually(async () => {
        const blocks = await made.blocksOf(snapshot);
        if (blocks === undefined) throw new Error(`${snapshot} is not completed`);
        return blocks;
      });

    beforeEach(async () => {
      made = await make();
    });

    test('a snapshot has the blocks that were written, in any order, and zeros else', async () => {
      const snapshot = await start(orderOf());
      const blocks = [blockOf(3, 1), blockOf(2_047, 2), blockOf(700, 3)];
      for (const block of blocks) await made.writer.write(snapshot, block);

      const [one, last, middle] = blocks;
      expect(await made.writer.complete(snapshot, sumOf(one!, middle!, last!))).toBe('sealed');

      const found = await completed(snapshot);
      expect([...found.keys()].sort((a, b) => a - b)).toEqual([3, 700, 2_047]);
      for (const { index, bytes } of blocks) expect(Buffer.compare(found.get(index)!, bytes)).toBe(0);
    });

    test('an order that is repeated makes one snapshot', async () => {
      const order = orderOf();

      const [first, second] = await Promise.all([start(order), start(order)]);

      expect(second).toBe(first);
      expect(await start(order)).toBe(first);
    });

    test('a block that is written again is the last one, and counts once', async () => {
      const snapshot = await start(orderOf());
      await made.writer.write(snapshot, blockOf(5, 1));

      expect(await write(snapshot, blockOf(5, 2))).toBe('sealed');

      expect((await completed(snapshot)).get(5)?.[0]).toBe(2);
    });

    test('a snapshot with a parent has its blocks where none is written', async () => {
      const parent = await start(orderOf());
      await write(parent, blockOf(1, 1), blockOf(2, 2));
      await completed(parent);
      const child = await start(orderOf({ parent }));
      await write(child, blockOf(2, 9), blockOf(3, 3));

      const found = await completed(child);

      expect([1, 2, 3].map((index) => found.get(index)?.[0])).toEqual([1, 9, 3]);
    });

    test('a snapshot is not sealed with other blocks than it has', async () => {
      const snapshot = await start(orderOf());
      await made.writer.write(snapshot, blockOf(1, 1));

      await expect(made.writer.complete(snapshot, sumOf(blockOf(1, 2)))).rejects.toThrow(
        TargetUnavailableError,
      );
      await expect(made.writer.complete(snapshot, sumOf(blockOf(1, 1), blockOf(2, 1)))).rejects.toThrow(
        TargetUnavailableError,
      );

      expect(await made.writer.complete(snapshot, sumOf(blockOf(1, 1)))).toBe('sealed');
    });

    test('a snapshot without blocks can be sealed', async () => {
      const snapshot = await start(orderOf());

      expect(await write(snapshot)).toBe('sealed');

      expect((await completed(snapshot)).size).toBe(0);
    });

    test('a sealed snapshot takes no blocks, and sealing it again says so', async () => {
      const snapshot = await start(orderOf());
      await write(snapshot, blockOf(1, 1));
      await completed(snapshot);

      await expect(made.writer.write(snapshot, blockOf(2, 2))).rejects.toThrow(TargetUnavailableError);
      expect(await made.writer.complete(snapshot, sumOf(blockOf(1, 1)))).toBe('sealed-already');
    });

    test('a block whose bytes do not fit its checksum is refused', async () => {
      const snapshot = await start(orderOf());
      const { sha256 } = blockOf(1, 2);

      await expect(made.writer.write(snapshot, { ...blockOf(1, 1), sha256 })).rejects.toThrow(
        TargetUnavailableError,
      );
    });

    test('a snapshot that is gone takes nothing', async () => {
      const snapshot = await start(orderOf());
      await made.remove(snapshot);

      await expect(made.writer.write(snapshot, blockOf(1, 1))).rejects.toThrow(TargetUnavailableError);
      await expect(made.writer.complete(snapshot, sumOf())).rejects.toThrow(TargetUnavailableError);
    });
  });
}
