import { setImmediate } from 'node:timers/promises';
import type { FileSource, PathRange, SourceEntry } from '../ports/file-source.ts';
import { pathAfter, stretchBytes, stretchesOf, type ShardDraft, type ShardLimits } from './shards.ts';

/** Entries of a listing at once after which other work of the thread gets its turn. */
const entriesPerTurn = 2048;

export interface CutShard {
  /** The entries of the shard's paths, in the order of their bytes. */
  readonly listed: readonly SourceEntry[];
  readonly shard: ShardDraft;
  /** Stretches of the large object that the shard ends with. They follow it in the order of keys. */
  readonly stretches: readonly ShardDraft[];
  /** The entry that the shard ends with, if it was cut behind a large one. */
  readonly large?: SourceEntry | undefined;
  /** The range after those; absent when the shard reaches the end of the range. */
  readonly rest?: PathRange;
}

/**
 * Lists a range of a source until a shard is full: for workers that share the listing as they share the work, so that
 * every path is listed once. Memory: the entries of one shard.
 */
export async function cutShard(
  source: Pick<FileSource, 'list' | 'listNow'>,
  range: PathRange,
  limits: ShardLimits & {
    /** Entries above this size end their shard. Bytes. @default a stretch */
    readonly largeBytes?: number;
  },
  signal?: AbortSignal,
): Promise<CutShard> {
  const { largeBytes = stretchBytes } = limits;
  const listed: SourceEntry[] = [];
  let bytes = 0;
  const cutAt = (to: Uint8Array | undefined, large?: SourceEntry): CutShard => ({
    listed,
    shard: {
      paths: { from: range.from, to },
      largeTail: large !== undefined && large.size > stretchBytes ? large.path : undefined,
      files: listed.length,
      bytes,
    },
    stretches: large === undefined ? [] : stretchesOf(large),
    large,
    rest: to === range.to || to === undefined ? undefined : { from: to, to: range.to },
  });
  const take = (entry: SourceEntry): CutShard | undefined => {
    const entryBytes = Math.min(entry.size, stretchBytes);
    const full = listed.length >= limits.files || bytes + entryBytes > limits.bytes;
    if (listed.length > 0 && full) return cutAt(entry.path);
    listed.push(entry);
    bytes += entryBytes;
    return entry.size > largeBytes ? cutAt(pathAfter(entry.path), entry) : undefined;
  };
  if (source.listNow === undefined) {
    for await (const entry of source.list(range, signal)) {
      const cut = take(entry);
      if (cut !== undefined) return cut;
    }
    return cutAt(range.to);
  }
  for (const entry of source.listNow(range)) {
    const cut = take(entry);
    if (cut !== undefined) return cut;
    if (listed.length % entriesPerTurn > 0) continue;
    await setImmediate();
    signal?.throwIfAborted();
  }
  return cutAt(range.to);
}
