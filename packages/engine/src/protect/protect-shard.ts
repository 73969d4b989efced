import { contentDefinedCuts } from '../chunking/fastcdc.ts';
import { newId, toBase64 } from '../bytes.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { TreeBuilder } from '../manifest/tree-builder.ts';
import { mergeInto, type Change } from '../manifest/tree-merge.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { PackUsage } from '../manifest/pack-usage.ts';
import type { BufferPool } from '../packs/buffer-pool.ts';
import { ChunkStore, type ChunkStorePolicy } from '../packs/chunk-store.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import { createPageReader, pagePackRecordOf } from '../points/point-pages.ts';
import { findPageRef, pageRefToText } from '../points/page-ref-text.ts';
import type { FileSource, SourceEntry } from '../ports/file-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import { LeaseKeeper } from '../runs/lease-keeper.ts';
import { aliveUntil } from '../runs/open-run.ts';
import { packLeaseOf, packWritingOf } from '../runs/pack-writing.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import { putUsage } from '../runs/usage-runs.ts';
import type { WriteServices } from '../services.ts';
import { BaseFiles, originOf } from './base-files.ts';
import { ChunkCopier } from './chunk-copier.ts';
import { ContentWriter } from './content-writer.ts';
import { EarlierContent } from './earlier-content.ts';
import { detectChanges, looksUnchanged, type Decision } from './detect-changes.ts';
import { ManifestChanges } from './manifest-changes.ts';
import { readEntries } from './read-entries.ts';
import { putShardResult, type ShardResult } from './shard-result.ts';
import { keysOf, stretchBytes, type Shard } from './shards.ts';

export interface ProtectShardOptions {
  readonly keys: VaultKeys;
  readonly plan: RunPlan;
  readonly source: FileSource;
  /** The shard's entries, if the caller has listed them already. @default the source is asked */
  readonly listed?: Iterable<SourceEntry>;
  /** @default sizes that fit into a worker with 512 MiB */
  readonly storePolicy?: ChunkStorePolicy;
  /** Shared by a worker that protects one shard after the other. @default a pool of this shard's own */
  readonly buffers?: BufferPool;
  /** Called once, when the source is not needed any more and only storing the rest is left. */
  readonly onSourceRead?: () => void;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

/**
 * Protects one shard: reads what changed, stores new chunks, writes the pages of the shard's own range of keys, and
 * leaves a result for the committer. Nothing of it is visible before the commit. Can be repeated, also while an
 * earlier attempt is still at work: both are right, the later result counts.
 *
 * Memory: two packs, two more while mostly dead packs are copied, the page caches, and a bounded number of entries;
 * never the size of the source.
 * @throws {@link RunClosedError} the run was cancelled or is over.
 * @throws {@link SourceUnavailableError} the source cannot be read at all.
 */
export async function protectShard(
  services: WriteServices,
  shard: Shard,
  options: ProtectShardOptions,
): Promise<ShardResult> {
  const { catalog, clock, work } = services;
  const { plan } = options;
  await catalog.runs.touch(plan.runId, aliveUntil(clock.now()));
  const bench = await openBench(services, options);
  const usage = new PackUsage();
  const changes = new ManifestChanges({
    shard,
    plan,
    chunks: bench.chunks,
    content: new ContentWriter(bench.chunks, contentDefinedCuts()),
    usage,
    earlier: bench.earlier,
    findTags: async (entry) => (plan.readTags ? options.source.getTags?.(entry, options.signal) : undefined),
    copier: bench.copier,
    onSourceRead: options.onSourceRead,
    onProgress: options.onProgress,
  });
  const written = await writeChanges(bench, shard, options, changes.from(readShard(bench, shard, options)));
  const result = {
    ...written,
    counts: { ...changes.counts, ...storedBy(bench, written.pagePacks) },
    warnings: [...changes.warnings],
    warningCount: changes.warnings.length,
    entries: changes.entries,
    leftOut: changes.leftOut,
    firstUnread: changes.firstUnread,
    pagePacks: written.pagePacks.map(pagePackRecordOf),
    large: [...changes.large],
    usage: await leaveUsage(services, shard, options, { usage, keeper: bench.keeper }),
  };
  await putShardResult(work, plan.runId, result);
  await catalog.runs.touch(plan.runId, aliveUntil(clock.now()));
  return result;
}

type Bench = Awaited<ReturnType<typeof openBench>>;

async function openBench(services: WriteServices, options: ProtectShardOptions) {
  const { store, catalog, index } = services;
  const { keys, plan, signal } = options;
  const keeper = new LeaseKeeper({ catalog, store, ...packLeaseOf(plan), except: plan.copiedPacks });
  const writing = packWritingOf(services, keys, plan, signal);
  const openChunkStore = (): ChunkStore =>
    new ChunkStore({
      ...writing,
      chunkIndex: index,
      leases: keeper,
      sharePacks: !plan.isolated,
      buffers: options.buffers,
      onPackStored: (pack) => keeper.adopt(pack),
      policy: options.storePolicy,
    });
  const chunks = openChunkStore();
  const pages = createPageReader(store, keys, plan.base?.pagePacks ?? []);
  const kind = createFileTreeKind(keys);
  const baseRoot = findPageRef(plan.base?.manifest, plan.base?.pointId);
  const needsCopies = plan.base !== undefined && plan.copiedPacks.length > 0;
  return {
    keeper,
    chunks,
    pages,
    kind,
    baseRoot,
    base: new BaseFiles(new TreeReader(kind, pages, baseRoot, originOf(plan))),
    sink: await PagePackWriter.open(writing),
    earlier: new EarlierContent({ store, keys, plan, keeper, chunks, signal }),
    copier: needsCopies
      ? new ChunkCopier({ store, keys, plan, pages, chunks: openChunkStore(), signal })
      : undefined,
  };
}

function readShard(
  { base, copier }: Bench,
  shard: Shard,
  options: ProtectShardOptions,
): ReturnType<typeof readEntries> {
  const isStretch = shard.stretch !== undefined;
  return readEntries(isStretch ? decideStretch(shard, base, options) : decideRange(shard, base, options), {
    source: options.source,
    readTags: options.plan.readTags && !isStretch,
    rangeOf: (entry) => rangeOf(shard, entry),
    copier,
    signal: options.signal,
  });
}

/** Writes the pages of the shard's range of keys, and waits until all that they refer to is stored. */
async function writeChanges(
  { kind, pages, sink, baseRoot, chunks, copier }: Bench,
  shard: Shard,
  { signal }: ProtectShardOptions,
  changes: AsyncGenerator<Change>,
) {
  const range = keysOf(shard);
  const first = await changes.next();
  // Without a change nothing is written: the committer takes the base's own pages.
  const unchanged = first.done === true;
  const builder = new TreeBuilder(kind, { source: pages, sink });
  if (!unchanged) await mergeInto(builder, baseRoot, startingWith(first.value, changes), { range, signal });
  await chunks.end();
  await copier?.chunks.end();
  const root = await builder.finish(signal);
  // First: a pack that is stored at a second attempt has another name, and the reference is final only then.
  const pagePacks = await sink.finish();
  return {
    index: shard.index,
    keys: { from: range.from && toBase64(range.from), to: range.to && toBase64(range.to) },
    unchanged,
    manifest: root && pageRefToText(root),
    pagePacks,
  };
}

function storedBy(
  { chunks, copier }: Bench,
  pagePacks: Awaited<ReturnType<PagePackWriter['finish']>>,
): Pick<ShardResult['counts'], 'newBytes' | 'storedBytes'> {
  const { newBytes, storedBytes } = chunks.counts;
  const pageBytes = pagePacks.reduce((sum, pack) => sum + pack.bytes, 0);
  return { newBytes, storedBytes: storedBytes + (copier?.chunks.counts.storedBytes ?? 0) + pageBytes };
}

/** Leaves the packs that the shard uses for the committer. @returns the name of the part. */
async function leaveUsage(
  { work, random }: WriteServices,
  shard: Shard,
  { plan }: ProtectShardOptions,
  { usage, keeper }: { readonly usage: PackUsage; readonly keeper: LeaseKeeper },
): Promise<string> {
  for (const { packId } of usage.deltas()) {
    const facts = keeper.get(packId);
    if (facts !== undefined && facts.kind !== 'pages') usage.setFacts(packId, { ...facts, kind: facts.kind });
  }
  const part = `${shard.index}-${newId(random)}`;
  await putUsage(work, plan.runId, part, usage.deltas());
  return part;
}

async function* startingWith<Item>(first: Item, rest: AsyncIterable<Item>): AsyncGenerator<Item> {
  yield first;
  yield* rest;
}

/** The part of an entry's content that this shard reads; `undefined` for all of it. */
function rangeOf(
  { stretch, largeTail }: Shard,
  entry: SourceEntry,
): { offset: number; length: number } | undefined {
  if (stretch !== undefined) return { offset: stretch.offset, length: stretch.length };
  const isTail = largeTail !== undefined && Buffer.compare(largeTail, entry.path) === 0;
  return isTail && entry.size > stretchBytes ? { offset: 0, length: stretchBytes } : undefined;
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
  const listed = shard.stretch?.entry as SourceEntry;
  // The path's own entry belongs to another shard, but says whether the stretch is as the base has it.
  const own = await base.findEntry(listed.path, signal);
  const file = await base.findFirst(keysOf(shard), signal);
  const unchanged =
    own !== undefined &&
    looksUnchanged(own, listed) &&
    file?.usesPacks(new Set(plan.unleasedPacks)) === false;
  if (file !== undefined && unchanged) yield [{ action: 'keep', listed, base: file }];
  else yield [{ action: 'read', listed, base: file }];
}
