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
