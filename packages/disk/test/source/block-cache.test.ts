import { expect, test } from 'vitest';
import { type ByteSource, cacheBlocks, sliceOf } from '../../src/index.ts';
import { bytesSource, CountingSource } from '../support/sources.ts';

const bytes = Uint8Array.from({ length: 1000 }, (_, at) => (at * 31) & 0xff);
const cached = (blocks = 4): { readonly source: CountingSource; readonly cache: ByteSource } => {
  const source = new CountingSource(bytesSource(bytes));
  return { source, cache: cacheBlocks(source, { blockBytes: 64, blocks }) };
};

test('every stretch reads as it is, whatever is kept', async () => {
  const { cache } = cached();

  for (let from = 0; from <= bytes.length; from += 37)
    for (const length of [0, 1, 63, 64, 65, 200, 700]) {
      const to = Math.min(bytes.length, from + length);
      expect(await cache.read(from, to - from)).toEqual(bytes.slice(from, to));
    }
});

test('blocks that are kept are not read again, and those not used for longest go first', async () => {
  const { source, cache } = cached(2);

  await cache.read(0, 10);
  await cache.read(50, 10);
  await cache.read(64, 10);
  expect(source.reads).toBe(2);

  await cache.read(0, 1);
  await cache.read(128, 1);
  await cache.read(0, 1);
  expect(source.reads).toBe(3);
  await cache.read(64, 1);
  expect(source.reads).toBe(4);
});

test('neighbours that are missing are read at once, around those that are there', async () => {
  const { source, cache } = cached();
  await cache.read(200, 1);

  expect(await cache.read(10, 400)).toEqual(bytes.slice(10, 410));

  expect(source.reads).toBe(3);
});

test('a long stretch leaves only its ends, so that it does not push out the rest', async () => {
  const { source, cache } = cached(4);
  await cache.read(960, 1);
  await cache.read(0, 700);
  const before = source.reads;

  await cache.read(960, 1);
  await cache.read(690, 10);
  expect(source.reads).toBe(before);
});

test('readers of one block at one time share its read', async () => {
  const { source, cache } = cached();

  await Promise.all(Array.from({ length: 20 }, async (_, at) => cache.read(at, 10)));

  expect(source.reads).toBe(1);
});

test('a read that failed is tried again by the next', async () => {
  let isBroken = true;
  const source = bytesSource(bytes);
  const cache = cacheBlocks({
    bytes: source.bytes,
    read: async (...range) => {
      if (isBroken) throw new Error('no answer');
      return source.read(...range);
    },
  });

  await expect(cache.read(0, 10)).rejects.toThrow('no answer');
  isBroken = false;
  expect(await cache.read(0, 10)).toEqual(bytes.slice(0, 10));
});

test('who has given up is told so, and nobody else', async () => {
  const { cache } = cached();
  const controller = new AbortController();

  const reads = [cache.read(0, 10, controller.signal), cache.read(0, 10)];
  controller.abort(new Error('given up'));

  await expect(reads[0]).rejects.toThrow('given up');
  expect(await reads[1]).toEqual(bytes.slice(0, 10));
});

test('a slice has its own stretch, and nothing beyond it', async () => {
  const slice = sliceOf(bytesSource(bytes), 100, 50);

  expect(await slice.read(10, 40)).toEqual(bytes.slice(110, 150));
  await expect(slice.read(10, 41)).rejects.toMatchObject({ name: 'DiskDamagedError' });
  await expect(slice.read(-1, 10)).rejects.toMatchObject({ name: 'DiskDamagedError' });
  expect(() => sliceOf(slice, 10, 41)).toThrow(RangeError);
});
