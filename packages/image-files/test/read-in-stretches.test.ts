import type { ContentRange, FileNode } from '@holdfast/disk';
import { expect, test } from 'vitest';
import { readInStretches } from '../src/read-in-stretches.ts';

const mebibyte = 2 ** 20;
/** A file of which each mebibyte has its number in it. */
function fileOf(mebibytes: number, onRead: (range: ContentRange) => void): FileNode {
  return {
    bytes: mebibytes * mebibyte,
    read: async function* read({ from = 0, to = 0 }: ContentRange) {
      onRead({ from, to });
      for (let at = from; at < to; at += mebibyte)
        yield new Uint8Array(Math.min(mebibyte, to - at)).fill(at / mebibyte);
    },
  } as unknown as FileNode;
}

test('a long file comes in order, some stretches of it at once', async () => {
  let begun = 0;
  let mostAhead = 0;
  let bytes = 0;
  const node = fileOf(50, () => (begun += 1));

  for await (const piece of readInStretches(node)) {
    expect(piece[0]).toBe(Math.floor(bytes / mebibyte));
    bytes += piece.length;
    mostAhead = Math.max(mostAhead, begun * 4 - bytes / mebibyte);
  }

  expect(bytes).toBe(50 * mebibyte);
  expect(mostAhead).toBeGreaterThan(4);
  expect(mostAhead).toBeLessThanOrEqual(20);
});

test('a part of a file is read alone, a short file at once', async () => {
  const ranges: ContentRange[] = [];
  const node = fileOf(50, (range) => ranges.push(range));

  await Array.fromAsync(readInStretches(node, { from: 3 * mebibyte, to: 8 * mebibyte }));
  await Array.fromAsync(readInStretches(fileOf(1, (range) => ranges.push(range))));

  expect(ranges).toEqual([
    { from: 3 * mebibyte, to: 7 * mebibyte },
    { from: 7 * mebibyte, to: 8 * mebibyte },
    { from: 0, to: mebibyte },
  ]);
});
