import { InvalidInputError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { nothingRewritten, rewritePages } from '../manifest/rewrite-pages.ts';
import { TreeBuilder } from '../manifest/tree-builder.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import { createPageReader } from '../points/point-pages.ts';
import { findPageRef, pageRefToText } from '../points/page-ref-text.ts';
import { packWritingOf } from '../runs/pack-writing.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import type { WriteServices } from '../services.ts';
import { Gathering, JoinedTree, mergeUsageParts, readResults } from './gather-shards.ts';
import { putShardResult, type ShardResult } from './shard-result.ts';

/**
 * Shards of one group. Larger: a call, which joins all of them, takes longer. Smaller: the committer has more to join,
 * one after the other. No more than the runs of pack usage that are merged at once.
 */
const shardsAGroup = 128;

export interface ShardGroup {
  readonly index: number;
  readonly first: number;
  readonly count: number;
}

/** Divides the shards of a run into groups. None when there are so few that the committer joins them by itself. */
export function groupShards(shardCount: number): ShardGroup[] {
  if (shardCount <= shardsAGroup) return [];
  return Array.from({ length: Math.ceil(shardCount / shardsAGroup) }, (_, index) => {
    const first = index * shardsAGroup;
    return { index, first, count: Math.min(shardsAGroup, shardCount - first) };
  });
}

/**
 * Joins neighbouring shards as the committer does, and leaves a result that stands for all of them. The pages that they
 * wrote, each into a pack of its own, are written anew, together: a root names every pack of pages, and each of them is
 * leased. Can be repeated, also while an earlier attempt is still at work: both are right, the later result counts.
 *
 * Memory: the results of one group, and the open pages.
 */
export async function joinGroup(
  services: Pick<WriteServices, 'store' | 'catalog' | 'clock' | 'random' | 'work'>,
  keys: VaultKeys,
  plan: RunPlan,
  group: ShardGroup,
  signal?: AbortSignal,
): Promise<ShardResult> {
  const { store, random, work } = services;
  const results = await readResults(work, plan, 'shards', group.first, group.first + group.count);
  const gathering = new Gathering();
  for (const result of results) gathering.add(result);
  const ofShards = gathering.gathered.pagePacks;
  const unchanged = results.every((result) => result.unchanged);

  const sink = await PagePackWriter.open(packWritingOf(services, keys, plan, signal));
  const kind = createFileTreeKind(keys);
  const ofBase = plan.base?.pagePacks ?? [];
  const source = createPageReader(store, keys, [...ofBase, ...ofShards]);
  const builder = new TreeBuilder(kind, { source, sink });
  const tree = new JoinedTree(builder, findPageRef(plan.base?.manifest, plan.base?.pointId), signal);
  if (!unchanged) for (const result of results) await tree.add(result);
  await tree.endUnchanged();
  const joined = await builder.finish(signal);
  // Only stored pages can be read.
  const atSeams = await sink.finish();
  const scattered = new Set([...ofShards.map(({ pack }) => pack), ...atSeams.map(({ packId }) => packId)]);
  const pages = { source, sink };
  const root = await rewritePages(kind, pages, joined, scattered, nothingRewritten(), { signal });
  if (root === 'unfinished') throw new InvalidInputError('pages of a group are written anew in one go');
  const written = await sink.finish();
  gathering.gathered.pagePacks = [];
  gathering.addWritten(written.slice(atSeams.length));
  gathering.gathered.counts.storedBytes += atSeams.reduce((sum, pack) => sum + pack.bytes, 0);

  const { usage: parts, ...sums } = gathering.gathered;
  const [usage = ''] = await mergeUsageParts({ work, random }, plan, parts);
  const keyRange = { from: results[0]?.keys.from, to: results.at(-1)?.keys.to };
  const manifest = root && pageRefToText(root);
  const result = { ...sums, index: group.index, keys: keyRange, unchanged, manifest, usage };
  await putShardResult(work, plan.runId, result, 'groups');
  return result;
}
