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
import { ChunkStore } from '../packs/chunk-store.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import type { PackLease } from '../packs/store-pack.ts';
import { createPageReader, pagePackRecordOf } from '../points/point-pages.ts';
import { findPageRef, pageRefToText } from '../points/page-ref-text.ts';
import type { FileSource, SourceEntry } from '../ports/file-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import { LeaseKeeper } from '../runs/lease-keeper.ts';
import { aliveUntil } from '../runs/open-run.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import { putUsage } from '../runs/usage-runs.ts';
import type { WriteServices } from '../services.ts';
import { groupByPath, usesPacks } from './base-files.ts';
import { ContentWriter } from './content-writer.ts';
import { detectChanges, looksUnchanged, type BaseFile, type Decision } from './detect-changes.ts';
import { ManifestChanges } from './manifest-changes.ts';
import { readEntries } from './read-entries.ts';
import { putShardResult, type ShardResult } from './shard-result.ts';
import { keysOf, stretchBytes, type Shard } from './shards.ts';

/** What a worker needs besides the vault. */
export interface ProtectShardOptions {
  readonly keys: VaultKeys;
  readonly plan: RunPlan;
  readonly source: FileSource;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

/**
 * Protects one shard: reads what changed, stores new chunks, writes the pages of the shard's own range of keys, and
 * leaves a result for the committer. Nothing of it is visible before the commit. Can be repeated, also while an
 * earlier attempt is still at work: both are right, the later result counts.
 *
 * Memory: two packs, the page caches, and a bounded number of entries; never the size of the source.
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
  await catalog.touchRun(plan.runId, aliveUntil(clock.now()));

  const lease: PackLease = {
    runId: plan.runId,
    leaseUntil: plan.leaseUntil,
    lockMode: plan.lockMode,
    retentionClass: plan.retentionClass,
  };
  const keeper = new LeaseKeeper({ catalog, store, lockMode: plan.lockMode, leaseUntil: plan.leaseUntil });
  const storing = { catalog, store, clock, random, lease, vault: keys, ...(signal && { signal }) };
  const chunks = new ChunkStore({
    ...storing,
    chunkIndex: index,
    leases: keeper,
    sharePacks: !plan.isolated,
    onPackStored: (pack) => keeper.adopt(pack),
  });
  const pages = await PagePackWriter.open(storing);
  const pageSource = createPageReader(store, keys, plan.base?.pagePacks ?? []);
  const kind = createFileTreeKind(keys);
  const baseRoot = findPageRef(plan.base?.manifest, plan.base?.pointId);
  const base = new TreeReader(kind, pageSource, baseRoot);

  const usage = new PackUsage();
  const changes = new ManifestChanges({
    shard,
    plan,
    chunks,
    content: new ContentWriter(chunks, contentDefinedCuts()),
    usage,
    ...(options.onProgress && { onProgress: options.onProgress }),
  });
  const decisions =
    shard.stretch === undefined ? decideRange(shard, base, options) : decideStretch(shard, base, options);
  const outcomes = readEntries(decisions, {
    source,
    readTags: plan.readTags && shard.stretch === undefined,
    rangeOf: (entry) => rangeOf(shard, entry),
    ...(signal && { signal }),
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
      ...(signal && { signal }),
    });
  const root = await builder.finish(signal);
  const pagePacks = await pages.finish();

  for (const { packId } of usage.deltas()) {
    const facts = keeper.get(packId);
    if (facts !== undefined && facts.kind !== 'pages') usage.setFacts(packId, { ...facts, kind: facts.kind });
  }
  const usagePart = `${shard.index}-${newId(random)}`;
  await putUsage(work, plan.runId, usagePart, usage.deltas());
  const pageBytes = pagePacks.reduce((sum, pack) => sum + pack.bytes, 0);
  const { newBytes, storedBytes } = chunks.counts;
  const result: ShardResult = {
    index: shard.index,
    keys: { ...(range.from && { from: toBase64(range.from) }), ...(range.to && { to: toBase64(range.to) }) },
    unchanged,
    ...(root && { manifest: pageRefToText(root) }),
    counts: { ...changes.counts, newBytes, storedBytes: storedBytes + pageBytes },
    warnings: [...changes.warnings],
    pagePacks: pagePacks.map(pagePackRecordOf),
    large: [...changes.large],
    usage: usagePart,
  };
  await putShardResult(work, plan.runId, result);
  await catalog.touchRun(plan.runId, aliveUntil(clock.now()));
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

function decideRange(shard: Shard, base: TreeReader, options: ProtectShardOptions): AsyncGenerator<Decision> {
  const { plan, source, signal } = options;
  const signalled = signal === undefined ? {} : { signal };
  const origin = plan.base?.pointId ?? 'an empty base';
  const unleased = new Set(plan.unleasedPacks);
  const files = groupByPath(base.range(keysOf(shard), signalled), origin);
  return detectChanges(source.list(shard.paths, signal), files, (file) => usesPacks(file, unleased, origin));
}

/** A stretch is kept when its object is as the base has it: all workers of the object decide by the same listing. */
async function* decideStretch(
  shard: Shard,
  base: TreeReader,
  { plan, signal }: ProtectShardOptions,
): AsyncGenerator<Decision> {
  const listed = shard.stretch?.entry as SourceEntry;
  const origin = plan.base?.pointId ?? 'an empty base';
  const own = await base.find(entryKey(listed.path), signal);
  const entries = [];
  for await (const entry of base.range(keysOf(shard), signal === undefined ? {} : { signal }))
    entries.push(entry);
  const file: BaseFile | undefined =
    own === undefined ? undefined : { path: listed.path, file: decodeFileEntry(own, origin), entries };
  const unchanged =
    file?.file !== undefined &&
    looksUnchanged(file.file, listed) &&
    !usesPacks(file, new Set(plan.unleasedPacks), origin);
  if (unchanged) yield { action: 'keep', listed, base: file };
  else yield { action: 'read', listed, ...(file && { base: file }) };
}
