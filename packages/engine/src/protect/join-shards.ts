import { fromBase64, newId, toBase64 } from '../bytes.ts';
import { NothingReadError } from '../errors.ts';
import { FactCounts } from '../fact-counts.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { createPackMapKind } from '../manifest/pack-map.ts';
import { rewritePages } from '../manifest/rewrite-pages.ts';
import { applyUsage, mergeUsage, type PackDelta } from '../manifest/pack-usage.ts';
import type { PageRef, PageStore } from '../manifest/page-store.ts';
import { TreeBuilder } from '../manifest/tree-builder.ts';
import type { TreeKind } from '../manifest/tree-kind.ts';
import { mergeInto, mergeTree } from '../manifest/tree-merge.ts';
import type { KeyRange } from '../manifest/tuple-key.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import { createPageReader, pagePackRecordOf } from '../points/point-pages.ts';
import { findPageRef, pageRefFromText, pageRefToText } from '../points/page-ref-text.ts';
import { warningsInRoot, type PagePackRecord } from '../points/root.ts';
import type { PointContent } from '../runs/point-content.ts';
import { packLeaseOf } from '../runs/pack-lease.ts';
import { choosePagePacks } from '../runs/page-packs-in-use.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import { putUsage, readUsage } from '../runs/usage-runs.ts';
import type { WriteServices } from '../services.ts';
import { repairLargeObjects } from './large-objects.ts';
import { type LeftOutFact, warningsOfLeftOut } from './left-out.ts';
import { getShardResult, type ShardResult } from './shard-result.ts';

/** Results that are read side by side. */
const resultsAtOnce = 16;
/** Runs of deltas that are merged at once; more are merged in rounds, so that memory stays bounded. */
const usageRunsAtOnce = 256;

/** What the new manifest has in a range of keys: pages that a worker wrote, or what the base has there. */
type Piece = { readonly tree: PageRef } | { readonly baseRange: KeyRange };

/** What the shards of a run say together. */
interface GatheredShards {
  readonly pieces: readonly Piece[];
  readonly counts: ShardResult['counts'];
  /** The first of them; a source that denies every file has millions. */
  readonly warnings: ShardResult['warnings'];
  readonly warningCount: number;
  readonly entries: ShardResult['entries'];
  readonly firstUnread: string | undefined;
  readonly pagePacks: readonly PagePackRecord[];
  readonly large: readonly ShardResult['large'][number][];
  /** Where the attempts whose results these are left their pack usage. */
  readonly usage: readonly string[];
}

/**
 * Makes one point's content of what the workers of a run left: joins their pages at the seams, mends objects that
 * several shards shared, and derives the pack map from the base's. Cost: a few pages a shard, and pages in proportion
 * to the packs that changed. Memory: one small record a shard, and the open pages.
 */
export async function joinShards(
  services: WriteServices,
  keys: VaultKeys,
  plan: RunPlan,
  shardCount: number,
  signal?: AbortSignal,
): Promise<PointContent> {
  const { store, catalog, clock, random } = services;
  const shards = await gather(services, plan, shardCount);
  const writer = await PagePackWriter.open({
    store,
    catalog,
    clock,
    random,
    vault: keys,
    lease: packLeaseOf(plan),
    ...(signal && { signal }),
  });
  const written: PagePackRecord[] = [...(plan.base?.pagePacks ?? []), ...shards.pagePacks];
  const pages = { source: createPageReader(store, keys, written), sink: writer };

  const fileKind = createFileTreeKind(keys);
  const joined = await joinPieces(
    fileKind,
    pages,
    findPageRef(plan.base?.manifest, plan.base?.pointId),
    shards.pieces,
    signal,
  );
  // The mending reads what the join has just written.
  written.push(...(await writer.finish()).map(pagePackRecordOf));
  const mendable = { source: createPageReader(store, keys, written), sink: writer };
  const mended = await repairLargeObjects({
    kind: fileKind,
    pages: mendable,
    plan,
    large: shards.large,
    root: joined,
  });

  const entries = addEntries(shards.entries, mended.entries);
  const warnings = [...shards.warnings, ...mended.warnings];
  checkAnyRead(plan, entries, shards.firstUnread ?? warnings[0]?.message);

  const packMapKind = createPackMapKind(keys);
  const packMapRoot = findPageRef(plan.base?.packMap, plan.base?.pointId);
  const packMapBase = new TreeReader(packMapKind, pages.source, packMapRoot);
  const deltas = await sumUsage(services, plan, shards.usage, mended.usage);
  const merged = await mergeTree(packMapKind, pages, packMapRoot, applyUsage(packMapBase, deltas, signal), {
    ...(signal && { signal }),
  });
  written.push(...(await writer.finish()).map(pagePackRecordOf));

  const dead = new Set(plan.rewrittenPagePacks);
  const rewrite = async (kind: TreeKind, root: PageRef | undefined): Promise<PageRef | undefined> => {
    if (dead.size === 0) return root;
    const source = createPageReader(store, keys, written);
    const rewritten = await rewritePages(kind, { source, sink: writer }, root, dead, signal);
    written.push(...(await writer.finish()).map(pagePackRecordOf));
    return rewritten;
  };
  const manifest = await rewrite(fileKind, mended.root);
  const packMap = await rewrite(packMapKind, merged);

  const known = new Map(written.map((record) => [record.pack, record]));
  const inUse = await choosePagePacks(plan, [...known.values()], async () => {
    const source = createPageReader(store, keys, known.values());
    const ofFiles = await new TreeReader(fileKind, source, manifest).listPagePacks();
    return ofFiles.union(await new TreeReader(packMapKind, source, packMap).listPagePacks());
  });
  const pageBytes = (await writer.finish()).reduce((sum, pack) => sum + pack.bytes, 0);
  return {
    counts: {
      ...shards.counts,
      storedBytes: shards.counts.storedBytes + pageBytes,
      ...mended.adjust(shards.counts),
    },
    warnings,
    unread: { carried: entries.carried, missing: entries.missing },
    warningCount: shards.warningCount + mended.warnings.length,
    ...(manifest && { manifest: pageRefToText(manifest) }),
    ...(packMap && { packMap: pageRefToText(packMap) }),
    ...inUse,
    ...smallestLock(packMap, inUse.pagePacks),
  };
}

/** Joins what follows each other in the order of keys; unchanged ranges of the base cost reading their seams. */
async function joinPieces(
  kind: TreeKind,
  pages: PageStore,
  base: PageRef | undefined,
  pieces: readonly Piece[],
  signal: AbortSignal | undefined,
): Promise<PageRef | undefined> {
  const builder = new TreeBuilder(kind, pages);
  for (const piece of pieces) {
    if ('tree' in piece) await builder.addTree(piece.tree, signal);
    else await mergeInto(builder, base, [], { range: piece.baseRange, ...(signal && { signal }) });
  }
  return builder.finish(signal);
}

/** Unchanged neighbours become one range, so that pages across their seam need not even be read. */
function addPiece(pieces: Piece[], result: ShardResult): void {
  const { keys, unchanged, manifest } = result;
  if (!unchanged) {
    if (manifest !== undefined)
      pieces.push({ tree: pageRefFromText(manifest, `the result of shard ${result.index}`) });
    return;
  }
  const to = keys.to === undefined ? {} : { to: fromBase64(keys.to) };
  const last = pieces.at(-1);
  const touches =
    last !== undefined &&
    'baseRange' in last &&
    keys.from !== undefined &&
    isKey(last.baseRange.to, keys.from);
  if (touches)
    pieces[pieces.length - 1] = {
      baseRange: { ...(last.baseRange.from && { from: last.baseRange.from }), ...to },
    };
  else pieces.push({ baseRange: { ...(keys.from !== undefined && { from: fromBase64(keys.from) }), ...to } });
}

function isKey(key: Uint8Array | undefined, text: string): boolean {
  return key !== undefined && toBase64(key) === text;
}

function smallestLock(
  packMap: PageRef | undefined,
  pagePacks: readonly PagePackRecord[],
): { lockedUntil?: Date } {
  const locks = pagePacks.map(({ lockedUntil }) => new Date(lockedUntil).getTime());
  if (packMap !== undefined) locks.push(packMap.summary * 1000);
  return locks.length === 0 ? {} : { lockedUntil: new Date(Math.min(...locks)) };
}

async function gather({ work }: WriteServices, plan: RunPlan, shardCount: number): Promise<GatheredShards> {
  const pieces: Piece[] = [];
  const warnings: ShardResult['warnings'] = [];
  let warningCount = 0;
  let entries: ShardResult['entries'] = { read: 0, carried: 0, missing: 0 };
  let firstUnread: string | undefined;
  const pagePacks: PagePackRecord[] = [];
  const large: ShardResult['large'][number][] = [];
  const usage: string[] = [];
  const counts = {
    files: 0,
    filesChanged: 0,
    filesRemoved: 0,
    logicalBytes: 0,
    readBytes: 0,
    newBytes: 0,
    storedBytes: 0,
  };
  const leftOut = new FactCounts<LeftOutFact>();
  const indexes = Array.from({ length: shardCount }, (_, index) => index);
  for await (const result of mapConcurrent(indexes, resultsAtOnce, async (index) =>
    getShardResult(work, plan.runId, index),
  )) {
    addPiece(pieces, result);
    warnings.push(...result.warnings.slice(0, warningsInRoot - warnings.length));
    warningCount += result.warnings.length;
    entries = addEntries(entries, result.entries);
    leftOut.addAll(result.leftOut);
    firstUnread ??= result.firstUnread;
    pagePacks.push(...result.pagePacks);
    large.push(...result.large);
    usage.push(result.usage);
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) counts[name] += result.counts[name];
  }
  // First, so that they are among those which the root spells out.
  const told = warningsOfLeftOut(leftOut.list());
  warnings.unshift(...told);
  warningCount += told.length;
  return { pieces, counts, warnings, warningCount, entries, firstUnread, pagePacks, large, usage };
}

function addEntries(a: ShardResult['entries'], b: ShardResult['entries']): ShardResult['entries'] {
  return { read: a.read + b.read, carried: a.carried + b.carried, missing: a.missing + b.missing };
}

/**
 * A point of which nothing was read says no more than the one before it, and would be taken for the newest state.
 * @throws {@link NothingReadError} of all that was listed, nothing could be read.
 */
function checkAnyRead(
  { resourceArn }: RunPlan,
  { read, carried, missing }: ShardResult['entries'],
  first: string | undefined,
): void {
  const unread = carried + missing;
  if (read > 0 || unread === 0) return;
  throw new NothingReadError(resourceArn, unread, first ?? 'the source gave no reason');
}

/** All deltas of a run, summed and in the order of pack ids. */
async function sumUsage(
  { work, random }: WriteServices,
  plan: RunPlan,
  ofShards: readonly string[],
  mended: readonly PackDelta[],
): Promise<AsyncIterable<PackDelta>> {
  let parts = [...ofShards];
  if (plan.base?.packMap !== undefined) parts.push('leases');
  while (parts.length > usageRunsAtOnce) {
    const merged: string[] = [];
    for (let start = 0; start < parts.length; start += usageRunsAtOnce) {
      const runs = parts
        .slice(start, start + usageRunsAtOnce)
        .map((part) => readUsage(work, plan.runId, part));
      const part = `merged-${newId(random)}`;
      await putUsage(work, plan.runId, part, await Array.fromAsync(mergeUsage(runs)));
      merged.push(part);
    }
    parts = merged;
  }
  return mergeUsage([...parts.map((part) => readUsage(work, plan.runId, part)), mended]);
}
