import { DiskDamagedError } from '../errors.ts';
import type { ContentRange, ContentRun } from './file-system.ts';

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
  /** The number of the first one on the disk, counted from its beginning. */
  readonly block: number;
  /** Allocated, but never written. */
  readonly reserved: boolean;
}

/** A content whose blocks are somewhere on the disk. */
export interface MappedContent {
  /** Its name, for messages. */
  readonly what: string;
  readonly bytes: number;
  readonly blockBytes: number;
  /** More than so many blocks cannot be its own; infinite where blocks may be shared. */
  readonly mostBlocks: number;
  /** Runs that reach into a span, in order. */
  readonly map: (span: BlockSpan, signal?: AbortSignal) => AsyncIterable<BlockRun>;
}

/**
 * Stretches of a content, holes among them, neighbours joined.
 * @throws {@link DiskDamagedError} it has more blocks than it can: they overlap.
 */
export async function* contentRuns(
  content: MappedContent,
  { from = 0, to = content.bytes }: ContentRange = {},
  signal?: AbortSignal,
): AsyncGenerator<ContentRun> {
  const end = Math.min(to, content.bytes);
  let at = from;
  let waiting: ContentRun | undefined;
  for await (const next of cutRuns(content, from, end, signal)) {
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
  { what, blockBytes, mostBlocks, map }: MappedContent,
  from: number,
  to: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<ContentRun> {
  const span = { from: Math.floor(from / blockBytes), to: Math.ceil(to / blockBytes) };
  let mapped = 0;
  for await (const { first, blocks, block, reserved } of map(span, signal)) {
    mapped += blocks;
    if (mapped > mostBlocks)
      throw new DiskDamagedError(`${what} has more blocks than the file system; they overlap`);
    const start = Math.max(from, first * blockBytes);
    const bytes = Math.min(to, (first + blocks) * blockBytes) - start;
    if (bytes <= 0) continue;
    const at = block * blockBytes + (start - first * blockBytes);
    yield { offset: start, bytes, ...(reserved ? { kind: 'hole', reserved } : { kind: 'stored', at }) };
  }
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
