import { NothingReadError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { createPackMapKind } from '../manifest/pack-map.ts';
import { rewritePages } from '../manifest/rewrite-pages.ts';
import { applyUsage, mergeUsage, type PackDelta } from '../manifest/pack-usage.ts';
import type { PageRef } from '../manifest/page-store.ts';
import type { TreeKind } from '../manifest/tree-kind.ts';
import { mergeTree } from '../manifest/tree-merge.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import { createPageReader, pagePackRecordOf } from '../points/point-pages.ts';
import { findPageRef, pageRefToText } from '../points/page-ref-text.ts';
import type { PagePackRecord } from '../points/root.ts';
import type { PointContent } from '../runs/point-content.ts';
import { packLeaseOf } from '../runs/pack-lease.ts';
import { choosePagePacks } from '../runs/page-packs-in-use.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import { readUsage } from '../runs/usage-runs.ts';
import type { WriteServices } from '../services.ts';
import {
  addEntries,
  gatherShards,
  mergeUsageParts,
  usageRunsAtOnce,
  type GatherOptions,
} from './gather-shards.ts';
import { repairLargeObjects } from './large-objects.ts';
import type { ShardResult } from './shard-result.ts';

/** The content of a point, or that another call has to go on. */
export type JoinStep = { readonly done: false } | { readonly done: true; readonly content: PointContent };

/** Makes one point's content of what the workers of a run left, in one go; see {@link joinSomeShards}. */
export async function joinShards(
  services: WriteServices,
  keys: VaultKeys,
  plan: RunPlan,
  shardCount: number,
  signal?: AbortSignal,
): Promise<PointContent> {
  for (;;) {
    const options = { shouldStop: () => false, signal };
    const step = await joinSomeShards(services, keys, plan, shardCount, options);
    if (step.done) return step.content;
  }
}

/**
 * Makes one point's content of what the workers of a run left: joins their pages at the seams, over any number of calls;
 * then, in one, mends objects that several shards shared, and derives the pack map from the base's. Cost: a few pages a
 * shard, and pages in proportion to the packs that changed. Memory: one small record a shard, and the open pages.
 */
export async function joinSomeShards(
  services: WriteServices,
  keys: VaultKeys,
  plan: RunPlan,
  shardCount: number,
  options: GatherOptions,
): Promise<JoinStep> {
  const { store, catalog, clock, random } = services;
  const { signal } = options;
  const shards = await gatherShards(services, keys, plan, shardCount, options);
  if (shards === undefined) return { done: false };
  const writer = await PagePackWriter.open({
    store,
    catalog,
    clock,
    random,
    vault: keys,
    lease: packLeaseOf(plan),
    signal,
  });
  const written: PagePackRecord[] = [...(plan.base?.pagePacks ?? []), ...shards.pagePacks];
  const fileKind = createFileTreeKind(keys);
  // The mending reads what the join has written.
  const pages = { source: createPageReader(store, keys, written), sink: writer };
  const mended = await repairLargeObjects({
    kind: fileKind,
    pages,
    plan,
    large: shards.large,
    root: shards.root,
  });

  const entries = addEntries(shards.entries, mended.entries);
  const warnings = [...shards.warnings, ...mended.warnings];
  checkAnyRead(plan, entries, shards.firstUnread ?? warnings[0]?.message);

  const packMapKind = createPackMapKind(keys);
  const packMapRoot = findPageRef(plan.base?.packMap, plan.base?.pointId);
  const packMapBase = new TreeReader(packMapKind, pages.source, packMapRoot);
  const deltas = await sumUsage(services, plan, shards.usage, mended.usage);
  const merged = await mergeTree(packMapKind, pages, packMapRoot, applyUsage(packMapBase, deltas, signal), {
    signal,
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
  const content: PointContent = {
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
  return { done: true, content };
}

function smallestLock(
  packMap: PageRef | undefined,
  pagePacks: readonly PagePackRecord[],
): { lockedUntil?: Date } {
  const locks = pagePacks.map(({ lockedUntil }) => new Date(lockedUntil).getTime());
  if (packMap !== undefined) locks.push(packMap.summary * 1000);
  return locks.length === 0 ? {} : { lockedUntil: new Date(Math.min(...locks)) };
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
  services: WriteServices,
  plan: RunPlan,
  ofShards: readonly string[],
  mended: readonly PackDelta[],
): Promise<AsyncIterable<PackDelta>> {
  let parts = [...ofShards];
  if (plan.base?.packMap !== undefined) parts.push('leases');
  while (parts.length > usageRunsAtOnce) parts = await mergeUsageParts(services, plan, parts);
  return mergeUsage([...parts.map((part) => readUsage(services.work, plan.runId, part)), mended]);
}
