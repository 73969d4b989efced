import { DiskDamagedError } from '../errors.ts';
import type { ContentRange, ContentRun } from '../file-system/file-system.ts';
import { mappableBlocks, readBlockMap } from './ext-block-map.ts';
import { readExtents } from './ext-extents.ts';
import { type ExtInode, hasFlag } from './ext-inode.ts';
import type { ExtVolume } from './ext-volume.ts';

/** Blocks of a content, by their places in it; `to` is exclusive. */
export interface BlockSpan {
  readonly from: number;
  readonly to: number;
}

/** Blocks of a content that follow one another in it and on the disk. */
export interface BlockRun {
  /** Place of the first one in the content. */
  readonly first: number;
  readonly blocks: number;
  /** The number of the first one on the disk. */
  readonly block: number;
  /** Allocated, but never written. */
  readonly reserved: boolean;
}

/**
 * Stretches of an inode's content, holes among them, neighbours joined.
 * @throws {@link DiskDamagedError} blocks overlap, are outside of the file system, or are more than it has.
 */
export async function* readContentRuns(
  volume: ExtVolume,
  inode: ExtInode,
  { from = 0, to = inode.bytes }: ContentRange = {},
  signal?: AbortSignal,
): AsyncGenerator<ContentRun> {
  checkSize(volume, inode);
  const end = Math.min(to, inode.bytes);
  let at = from;
  let waiting: ContentRun | undefined;
  for await (const next of cutRuns(volume, inode, from, end, signal)) {
    const pieces = next.offset > at ? [holeOf(at, next.offset), next] : [next];
    at = next.offset + next.bytes;
    for (const piece of pieces) {
      const joined: ContentRun | undefined = waiting && join(waiting, piece);
      if (waiting !== undefined && joined === undefined) yield waiting;
      waiting = joined ?? piece;
    }
  }
  if (waiting !== undefined) yield waiting;
  if (at < end) yield holeOf(at, end);
}

/** Runs of blocks as bytes, cut to a range. */
async function* cutRuns(
  volume: ExtVolume,
  inode: ExtInode,
  from: number,
  to: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<ContentRun> {
  const { blockBytes } = volume;
  const span = { from: Math.floor(from / blockBytes), to: Math.ceil(to / blockBytes) };
  const read = hasFlag(inode, 'extents') ? readExtents : readBlockMap;
  let mapped = 0;
  for await (const { first, blocks, block, reserved } of read(volume, inode, span, signal)) {
    mapped += blocks;
    if (mapped > volume.superblock.blocks)
      throw new DiskDamagedError(`inode ${inode.number} has more blocks than the file system; they overlap`);
    const start = Math.max(from, first * blockBytes);
    const bytes = Math.min(to, (first + blocks) * blockBytes) - start;
    if (bytes <= 0) continue;
    const at = block * blockBytes + (start - first * blockBytes);
    yield { offset: start, bytes, ...(reserved ? { kind: 'hole', reserved } : { kind: 'stored', at }) };
  }
}

function checkSize(volume: ExtVolume, inode: ExtInode): void {
  const blocks = Math.ceil(inode.bytes / volume.blockBytes);
  const most = hasFlag(inode, 'extents') ? 2 ** 32 : mappableBlocks(volume.blockBytes);
  if (blocks > most)
    throw new DiskDamagedError(
      `inode ${inode.number} has ${inode.bytes} bytes, more than its blocks can have`,
    );
}

function holeOf(from: number, to: number): ContentRun {
  return { kind: 'hole', reserved: false, offset: from, bytes: to - from };
}

function join(one: ContentRun, next: ContentRun): ContentRun | undefined {
  const bytes = one.bytes + next.bytes;
  if (one.kind === 'stored' && next.kind === 'stored' && one.at + one.bytes === next.at)
    return { ...one, bytes };
  if (one.kind === 'hole' && next.kind === 'hole' && one.reserved === next.reserved) return { ...one, bytes };
  return undefined;
}
