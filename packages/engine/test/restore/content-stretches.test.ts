import { beforeAll, expect, test } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import { StoredBytesDamagedError } from '../../src/errors.ts';
import { cutContent, readContentStretch, type ContentStretch } from '../../src/restore/content-stretches.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { Harness } from '../runs/harness.ts';

const path = utf8('large');
let content: Uint8Array;
let reader: PointReader;
beforeAll(async () => {
  const harness = new Harness('content stretches');
  const [once, twice] = [harness.random.bytes(2_500_000), harness.random.bytes(1_500_000)];
  // The same chunks several times, in one stretch and in several.
  content = Buffer.concat([once, twice, new Uint8Array(5_000_000), twice, once]);
  harness.source.plant('before', harness.random.bytes(1_000));
  harness.source.plant('large', content);
  harness.source.plant('z', harness.random.bytes(1_000));
  const { root } = await harness.backUp('full');
  reader = new PointReader(harness.store, await harness.keys(), root);
});

async function read(stretch: ContentStretch): Promise<Uint8Array> {
  const policy = { windowBytes: 2 ** 20, windowItems: 100, cacheBytes: 2 ** 20, runsAtOnce: 1 };
  const bytes = new Uint8Array(stretch.to - stretch.from);
  for await (const piece of readContentStretch(reader, path, stretch, policy))
    bytes.set(piece.bytes, piece.offset - stretch.from);
  return bytes;
}

test.each([1, 600_000, 3_000_000, 10 ** 9])(
  'parts of %i bytes follow each other, and have the content together',
  async (stretchBytes) => {
    const stretches = await cutContent(reader, path, stretchBytes);

    const parts = await Promise.all(stretches.map(read));

    expect(stretches.map(({ from }) => from)).toEqual([0, ...stretches.slice(0, -1).map(({ to }) => to)]);
    expect(Buffer.compare(Buffer.concat(parts), content)).toBe(0);
  },
);

test('refuses a part that the file does not have', async () => {
  const beyond = { from: 0, to: content.length + 1, extent: 0 };

  await expect(read(beyond)).rejects.toThrow(StoredBytesDamagedError);
});
