import { type ChunkingPolicy, contentDefinedCuts, defaultChunkingPolicy } from '../chunking/fastcdc.ts';
import type { FileSource, SourceEntry } from '../ports/file-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import type { WriteServices } from '../services.ts';
import { BaseFiles } from './base-files.ts';
import { ContentWriter } from './content-writer.ts';
import { EarlierContent } from './earlier-content.ts';
import { detectChanges, looksUnchanged, type Decision } from './detect-changes.ts';
import { ManifestChanges } from './manifest-changes.ts';
import { readEntries, type ReadAheadPolicy } from './read-entries.ts';
import { ShardBench, type ShardBenchOptions } from './shard-bench.ts';
import type { ShardResult } from './shard-result.ts';
import { type ContentSharing, shareContent } from './share-content.ts';
import { keysOf, stretchBytes, type Shard } from './shards.ts';

export interface ProtectShardOptions extends ShardBenchOptions {
  readonly source: FileSource;
  /** The shard's entries, if the caller has listed them already. @default the source is asked */
  readonly listed?: Iterable<SourceEntry>;
  /** @default as much as pays for a source whose answers take a while */
  readonly readAhead?: ReadAheadPolicy;
  /** Sizes that contents are cut by: under others they share no chunk with those before. @default every content's */
  readonly chunking?: ChunkingPolicy;
  /** Where others take what this worker leaves of a large content. @default it reads all of its shard */
  readonly sharing?: ContentSharing;
  /** Called once, when the source is not needed any more and only storing the rest is left. */
  readonly onSourceRead?: () => void;
  readonly onProgress?: ReportProgress;
}

/**
 * Protects one shard: reads what changed, stores new chunks, writes the pages of the shard's own range of keys, and
 * leaves a result for the committer. Nothing of it is visible before the commit. Can be repeated, also while an
 * earlier attempt is still at work: both are right, the later result counts. Not with `sharing`: what was left has been told.
 *
 * Memory: two packs, two more while mostly dead packs are copied, the page caches, what is read ahead, and a bounded number
 * of entries; never the size of the source.
 * @throws {@link RunClosedError} the run was cancelled or is over.
 * @throws {@link SourceUnavailableError} the source cannot be read at all.
 */
export async function protectShard(
  services: WriteServices,
  given: Shard,
  options: ProtectShardOptions,
): Promise<ShardResult> {
  const { keys, plan, sharing, chunking = defaultChunkingPolicy, signal } = options;
  const bench = await ShardBench.open(services, options);
  const { keeper, chunks, copier, usage } = bench;
  const shard =
    sharing === undefined
      ? given
      : await shareContent(given, new BaseFiles(bench.baseTree), options.source, sharing, {
          chunking,
          signal,
        });
  const changes = new ManifestChanges({
    shard,
    plan,
    chunks,
    content: new ContentWriter(chunks, contentDefinedCuts(chunking)),
    usage,
    earlier: new EarlierContent({ store: services.store, keys, plan, keeper, chunks, signal }),
    findTags: async (entry) => (plan.readTags ? options.source.getTags?.(entry, signal) : undefined),
    copier,
    onSourceRead: options.onSourceRead,
    onProgress: options.onProgress,
  });
  return bench.leaveResult(
    shard.index,
    keysOf(shard),
    changes.from(readShard(bench, shard, options)),
    () => ({
      counts: changes.counts,
      warnings: [...changes.warnings],
      warningCount: changes.warnings.length,
      entries: changes.entries,
      leftOut: changes.leftOut,
      firstUnread: changes.firstUnread,
      marks: changes.marks,
      large: [...changes.large],
    }),
  );
}

function readShard(
  { baseTree, copier }: ShardBench,
  shard: Shard,
  options: ProtectShardOptions,
): ReturnType<typeof readEntries> {
  const base = new BaseFiles(baseTree);
  const isStretch = shard.stretch !== undefined;
  return readEntries(isStretch ? decideStretch(shard, base, options) : decideRange(shard, base, options), {
    source: options.source,
    readTags: options.plan.readTags && !isStretch,
    rangeOf: (entry) => rangeOf(shard, entry),
    copier,
    readAhead: options.readAhead,
    signal: options.signal,
  });
}

/** The part of an entry's content that this shard reads; `undefined` for all of it. */
function rangeOf(
  { stretch, largeTail, tailBytes = stretchBytes }: Shard,
  entry: SourceEntry,
): { offset: number; length: number } | undefined {
  if (stretch !== undefined) return { offset: stretch.offset, length: stretch.length };
  const isTail = largeTail !== undefined && Buffer.compare(largeTail, entry.path) === 0;
  return isTail && entry.size > tailBytes ? { offset: 0, length: tailBytes } : undefined;
}

function decideRange(
  shard: Shard,
  base: BaseFiles,
  { plan, source, listed, signal }: ProtectShardOptions,
): AsyncGenerator<readonly Decision[]> {
  const unleased = new Set(plan.unleasedPacks);
  const listing = listed ?? source.list(shard.paths, signal);
  return detectChanges(listing, base.in(keysOf(shard), signal), (file) => file.usesPacks(unleased));
}

/** Keeps a stretch when its object is as the base has it: all workers of the object decide by the same listing. */
async function* decideStretch(
  shard: Shard,
  base: BaseFiles,
  { plan, signal }: ProtectShardOptions,
): AsyncGenerator<readonly Decision[]> {
  const { entry: listed, mustRead = false } = shard.stretch as NonNullable<Shard['stretch']>;
  // The path's own entry belongs to another shard, but says whether the stretch is as the base has it.
  const own = await base.findEntry(listed.path, signal);
  const file = await base.findFirst(keysOf(shard), signal);
  const unchanged =
    !mustRead &&
    own !== undefined &&
    looksUnchanged(own, listed) &&
    file?.usesPacks(new Set(plan.unleasedPacks)) === false;
  if (file !== undefined && unchanged) yield [{ action: 'keep', listed, base: file }];
  else yield [{ action: 'read', listed, base: file }];
}
