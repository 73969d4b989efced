import { concatenated } from '../source/concatenated.ts';
import { DiskDamagedError } from '../errors.ts';
import { contentRuns } from '../file-system/content-runs.ts';
import type { BlockSpan } from '../file-system/content-runs.ts';
import type { ContentRange, ContentRun } from '../file-system/file-system.ts';
import { readFork } from './xfs-extents.ts';
import type { XfsFork, XfsInode } from './xfs-inode.ts';
import type { XfsVolume } from './xfs-volume.ts';

/** Bytes that are on the source at a place. */
interface Stretch {
  readonly at: number;
  readonly bytes: number;
}

/** Stretches of an inode's content, as far as a size goes. */
export async function* readXfsRuns(
  volume: XfsVolume,
  inode: XfsInode,
  range?: ContentRange,
  signal?: AbortSignal,
): AsyncGenerator<ContentRun> {
  const content = {
    what: `inode ${inode.number}`,
    bytes: inode.bytes,
    blockBytes: volume.blockBytes,
    mostBlocks: inode.isShared ? Number.POSITIVE_INFINITY : volume.superblock.blocks,
    map: (span: BlockSpan, mapSignal?: AbortSignal) => readFork(volume, inode.content, span, mapSignal),
  };
  yield* contentRuns(content, range, signal);
}

/** Where blocks of a fork are. @throws {@link DiskDamagedError} one of them is not there, or was never written. */
export async function locateForkBlocks(
  volume: XfsVolume,
  fork: XfsFork,
  span: BlockSpan,
  signal?: AbortSignal,
): Promise<readonly Stretch[]> {
  const stretches: Stretch[] = [];
  let next = span.from;
  for await (const { first, blocks, block, reserved } of readFork(volume, fork, span, signal)) {
    if (first > next || reserved) break;
    const end = Math.min(first + blocks, span.to);
    const at = (block + next - first) * volume.blockBytes;
    stretches.push({ at, bytes: (end - next) * volume.blockBytes });
    next = end;
  }
  if (next < span.to) throw new DiskDamagedError(`${fork.what} has no block ${next}, which it needs`);
  return stretches;
}

/** Blocks of a fork as one, which begins `at` a place of the source. */
export async function readForkBlocks(
  volume: XfsVolume,
  fork: XfsFork,
  span: BlockSpan,
  signal?: AbortSignal,
): Promise<{ readonly at: number; readonly bytes: Uint8Array }> {
  const stretches = await locateForkBlocks(volume, fork, span, signal);
  const pieces = await Promise.all(
    stretches.map(async ({ at, bytes }) => volume.source.read(at, bytes, signal)),
  );
  const [first, second] = pieces;
  const at = stretches[0]?.at ?? 0;
  if (first !== undefined && second === undefined) return { at, bytes: first };
  return { at, bytes: concatenated(pieces) };
}
