import type { ContentRange, FileNode } from '@holdfast/disk';
import { mapConcurrent } from '@holdfast/engine';

/** What is asked of a volume at once, and how many of these: they wait for the store together, and are in memory. */
const stretchBytes = 4 * 2 ** 20;
const stretchesAtOnce = 4;

/** The content of a file in order, of whatever size, read faster than piece by piece. Memory: 16 MiB. */
export async function* readInStretches(
  node: FileNode,
  { from = 0, to = node.bytes }: ContentRange = {},
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (to - from <= stretchBytes) {
    yield* node.read({ from, to }, signal);
    return;
  }
  const read = async (start: number): Promise<readonly Uint8Array[]> =>
    Array.fromAsync(node.read({ from: start, to: Math.min(to, start + stretchBytes) }, signal));
  for await (const pieces of mapConcurrent(stretches(from, to), stretchesAtOnce, read)) yield* pieces;
}

function* stretches(from: number, to: number): Generator<number> {
  for (let at = from; at < to; at += stretchBytes) yield at;
}
