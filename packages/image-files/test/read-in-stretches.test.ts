import type { ContentRange, ContentRun, FileNode } from '@holdfast/disk';
import { expect, test } from 'vitest';
import { readInStretches } from '../src/read-in-stretches.ts';

const mebibyte = 2 ** 20;
/** A file of which each byte has the number of its mebibyte; the map is in runs of some bytes. */
function fileOf(
  mebibytes: number,
  onRead: (bytes: number) => void,
  { runBytes = mebibyte, onMap = () => {} }: { runBytes?: number; onMap?: () => void } = {},
): FileNode {
  const bytes = mebibytes * mebibyte;
  return {
    bytes,
    runs: async function* runs({ from = 0, to = bytes }: ContentRange = {}) {
      onMap();
      for (let at = from; at < to; at += runBytes)
        yield { kind: 'stored', offset: at, bytes: Math.min(runBytes, to - at), at };
    },
    readRuns: async function* readRuns(runs: readonly ContentRun[]) {
      onRead(runs.reduce((sum, run) => sum + run.bytes, 0));
      for (const run of runs) {
        if (run.kind !== 'stored') throw new TypeError('all runs are stored');
        for (let done = 0; done < run.bytes; done += mebibyte)
          yield new Uint8Array(Math.min(mebibyte, run.bytes - done)).fill((run.at + done) / mebibyte);
      }
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

test('a part of a file is read alone', async () => {
  const reads: number[] = [];
  const node = fileOf(50, (bytes) => reads.push(bytes));

  const pieces = await Array.fromAsync(readInStretches(node, { from: 3 * mebibyte, to: 8 * mebibyte }));

  expect(pieces.map((piece) => piece[0])).toEqual([3, 4, 5, 6, 7]);
  expect(reads).toEqual([4 * mebibyte, mebibyte]);
});

test.each([
  ['one run', 50 * mebibyte],
  ['many runs', 64 * 1024],
])('the map of a file of %s is gone through once', async (_, runBytes) => {
  const reads: number[] = [];
  let maps = 0;
  let bytes = 0;
  const node = fileOf(50, (read) => reads.push(read), { runBytes, onMap: () => (maps += 1) });

  for await (const piece of readInStretches(node)) {
    expect(piece[0]).toBe(Math.floor(bytes / mebibyte));
    bytes += piece.length;
  }

  expect(bytes).toBe(50 * mebibyte);
  expect(maps).toBe(1);
  expect(Math.max(...reads)).toBe(4 * mebibyte);
});
