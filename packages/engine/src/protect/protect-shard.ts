import { contentDefinedCuts } from '../chunking/fastcdc.ts';
import { newId, toBase64 } from '../bytes.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { TreeBuilder } from '../manifest/tree-builder.ts';
import { mergeInto } from '../manifest/tree-merge.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { entryKey } from '../manifest/tuple-key.ts';
import { PackUsage } from '../manifest/pack-usage.ts';
import { decodeFileEntry } from '../manifest/file-entry.ts';
import type { BufferPool } from '../packs/buffer-pool.ts';
import { ChunkStore, type ChunkStorePolicy } from '../packs/chunk-store.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import { createPageReader, pagePackRecordOf } from '../points/point-pages.ts';
import { findPageRef, pageRefToText } from '../points/page-ref-text.ts';
import type { FileSource, SourceEntry } from '../ports/file-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import { LeaseKeeper } from '../runs/lease-keeper.ts';
import { aliveUntil } from '../runs/open-run.ts';
import { packLeaseOf } from '../runs/pack-lease.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import { putUsage } from '../runs/usage-runs.ts';
import type { WriteServices } from '../services.ts';
import { BaseFile, groupByPath, usesPacks } from './base-files.ts';
import { ChunkCopier } from './chunk-copier.ts';
import { ContentWriter } from './content-writer.ts';
import { EarlierContent } from './earlier-content.ts';
import { detectChanges, looksUnchanged, type Decision } from './detect-changes.ts';
import { ManifestChanges } from './manifest-changes.ts';
import { readEntries } from './read-entries.ts';
import { putShardResult, type ShardResult } from './shard-result.ts';
import { keysOf, stretchBytes, type Shard } from './shards.ts';

/** What a worker needs besides the vault. */
export interface ProtectShardOptions {
  readonly keys: VaultKeys;
  readonly plan: RunPlan;
  readonly source: FileSource;
  /** The shard's entries, where the caller has listed them already. @default the source is asked */
  readonly listed?: Iterable<SourceEntry>;
  /** Sizes of packs, and of what waits for them. @default those that fit into a worker with 512 MiB */
  readonly storePolicy?: ChunkStorePolicy;
  /** For a worker that protects one shard after the other. @default a pool of this shard's own */
  readonly buffers?: BufferPool;
  /** Called once, when the source is not needed any more: what is left is storing the rest. */
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
  const { store, catalog, index, clock, work, random } = services;
  const { keys, plan, source, signal } = options;
  await catalog.runs.touch(plan.runId, aliveUntil(clock.now()));

  const lease = packLeaseOf(plan);
  const keeper = new LeaseKeeper({ catalog, store, ...lease, except: plan.copiedPacks });
  const storing = { catalog, store, clock, random, lease, vault: keys, signal };
  const openChunkStore = (): ChunkStore =>
    new ChunkStore({
      ...storing,
      chunkIndex: index,
      leases: keeper,
      sharePacks: !plan.isolated,
      buffers: options.buffers,
      onPackStored: (pack) => keeper.adopt(pack),
      policy: options.storePolicy,
    });
  const chunks = openChunkStore();
  const pages = await PagePackWriter.open(storing);
  const pageSource = createPageReader(store, keys, plan.base?.pagePacks ?? []);
  const kind = createFileTreeKind(keys);
  const baseRoot = findPageRef(plan.base?.manifest, plan.base?.pointId);
  const base = new TreeReader(kind, pageSource, baseRoot);
  const copier =
    plan.base === undefined || plan.copiedPacks.length === 0
      ? undefined
      : new ChunkCopier({
          store,
          keys,
          plan,
          pages: pageSource,
          chunks: openChunkStore(),
          signal,
        });

  const usage = new PackUsage();
  const changes = new ManifestChanges({
    shard,
    plan,
    chunks,
    content: new ContentWriter(chunks, contentDefinedCuts()),
    usage,
    earlier: new EarlierContent({ store, keys, plan, keeper, chunks, signal }),
    findTags: async (entry) =>
      plan.readTags && source.getTags !== undefined ? source.getTags(entry, signal) : undefined,
    copier,
    onSourceRead: options.onSourceRead,
    onProgress: options.onProgress,
  });
  const decisions =
    shard.stretch === undefined ? decideRange(shard, base, options) : decideStretch(shard, base, options);
  const outcomes = readEntries(decisions, {
    source,
    readTags: plan.readTags && shard.stretch === undefined,
    rangeOf: (entry) => rangeOf(shard, entry),
    copier,
    signal,
  });

  const range = keysOf(shard);
  const found = changes.from(outcomes);
  const first = await found.next();
  // Without a change nothing is written: the committer takes the base's own pages.
  const unchanged = first.done === true;
  const builder = new TreeBuilder(kind, { source: pageSource, sink: pages });
  if (!unchanged)
    await mergeInto(builder, baseRoot, startingWith(first.value, found), {
      range,
      signal,
    });
  await chunks.end();
  await copier?.chunks.end();
  const root = await builder.finish(signal);
  const pagePacks = await pages.finish();

  for (const { packId } of usage.deltas()) {
    const facts = keeper.get(packId);
    if (facts !== undefined && facts.kind !== 'pages') usage.setFacts(packId, { ...facts, kind: facts.kind });
  }
  const usagePart = `${shard.index}-${newId(random)}`;
  await putUsage(work, plan.runId, usagePart, usage.deltas());
  const pageBytes = pagePacks.reduce((sum, pack) => sum + pack.bytes, 0);
  const { newBytes } = chunks.counts;
  const storedBytes = chunks.counts.storedBytes + (copier?.chunks.counts.storedBytes ?? 0);
  const result: ShardResult = {
    index: shard.index,
    keys: { ...(range.from && { from: toBase64(range.from) }), ...(range.to && { to: toBase64(range.to) }) },
    unchanged,
    ...(root && { manifest: pageRefToText(root) }),
    counts: { ...changes.counts, newBytes, storedBytes: storedBytes + pageBytes },
    warnings: [...changes.warnings],
    entries: changes.entries,
    leftOut: changes.leftOut,
    firstUnread: changes.firstUnread,
    pagePacks: pagePacks.map(pagePackRecordOf),
    large: [...changes.large],
    usage: usagePart,
  };
  await putShardResult(work, plan.runId, result);
  await catalog.runs.touch(plan.runId, aliveUntil(clock.now()));
  return result;
}

async function* startingWith<Item>(first: Item, rest: AsyncIterable<Item>): AsyncGenerator<Item> {
  yield first;
  yield* rest;
}

/** The part of an entry's content that this shard reads; `undefined` = all of it. */
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
  base: TreeReader,
  { plan, source, listed, signal }: ProtectShardOptions,
): AsyncGenerator<readonly Decision[]> {
  const origin = plan.base?.pointId ?? 'an empty base';
  const unleased = new Set(plan.unleasedPacks);
  const files = groupByPath(base.portions(keysOf(shard), signal === undefined ? {} : { signal }), origin);
  const listing = listed ?? source.list(shard.paths, signal);
  return detectChanges(listing, files, (file) => usesPacks(file, unleased, origin));
}

/** A stretch is kept when its object is as the base has it: all workers of the object decide by the same listing. */
async function* decideStretch(
  shard: Shard,
  base: TreeReader,
  { plan, signal }: ProtectShardOptions,
): AsyncGenerator<readonly Decision[]> {
  const listed = shard.stretch?.entry as SourceEntry;
  const origin = plan.base?.pointId ?? 'an empty base';
  const signalled = signal === undefined ? {} : { signal };
  const own = await base.find(entryKey(listed.path), signal);
  const [first, ...rest] = await Array.fromAsync(base.range(keysOf(shard), signalled));
  // The path's own entry belongs to another shard, but says whether the stretch is as the base has it.
  const unchanged =
    own !== undefined &&
    first !== undefined &&
    looksUnchanged(decodeFileEntry(own, origin), listed) &&
    !usesPacks(new BaseFile([first, ...rest], origin), new Set(plan.unleasedPacks), origin);
  const file = first === undefined ? undefined : new BaseFile([first, ...rest], origin);
  if (file !== undefined && unchanged) yield [{ action: 'keep', listed, base: file }];
  else yield [{ action: 'read', listed, base: file }];
}
