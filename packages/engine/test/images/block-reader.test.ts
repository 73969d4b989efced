import { expect, test } from 'vitest';
import { BlockReader } from '../../src/images/block-reader.ts';
import type { BlockSource } from '../../src/ports/block-source.ts';
import { FakeClock, MemoryBlockSource } from '../../src/testing/index.ts';

test('a block that was listed and is there no more is no zeros', async () => {
  const disks = new MemoryBlockSource(new FakeClock(), { blockBytes: 512 });
  const volume = disks.makeVolume(10 * 512);
  disks.write(volume, 3, new Uint8Array(512).fill(7));
  const snapshot = disks.takeSnapshot(volume);
  const forgetful: BlockSource = {
    list: async function* (...of) {
      for await (const page of disks.list(...of)) yield { ...page, blocks: [] };
    },
    listChanged: (...of) => disks.listChanged(...of),
    read: async () => Promise.resolve('expired'),
  };

  const read = new BlockReader(forgetful, snapshot).read({ index: 3, token: 'old' });

  await expect(read).rejects.toMatchObject({ name: 'SourceUnavailableError' });
});

test('blocks here and there are listed once, while the pages that have them are kept', async () => {
  const disks = new MemoryBlockSource(new FakeClock(), { blockBytes: 512, pageBlocks: 10, emptyPages: 0 });
  const volume = disks.makeVolume(100 * 512);
  for (let index = 0; index < 100; index += 2) disks.write(volume, index, new Uint8Array(512).fill(index));
  const reader = new BlockReader(disks, disks.takeSnapshot(volume), { pages: 3 });

  const size = await reader.size();
  const read = async (...indexes: readonly number[]): Promise<readonly (number | undefined)[]> =>
    Promise.all(indexes.map(async (index) => (await reader.find({ index }))?.bytes[0]));

  expect(size).toEqual({ bytes: 100 * 512, blockBytes: 512 });
  expect(await read(0, 50, 90, 52, 2, 91, 3, 98)).toEqual([0, 50, 90, 52, 2, undefined, undefined, 98]);
  expect(disks.counts.pages).toBe(3);
  expect(await read(99, 25)).toEqual([undefined, undefined]);
  expect(disks.counts.pages).toBe(5);
});
