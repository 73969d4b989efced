import * as z from 'zod';
import { addCounts } from '../add-counts.ts';
import { newId, rangeFromBase64, toBase64 } from '../bytes.ts';
import { FactCounts } from '../fact-counts.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { mergeUsage } from '../manifest/pack-usage.ts';
import type { PageRef, PageSource } from '../manifest/page-store.ts';
import { SuspendedTree, TreeBuilder } from '../manifest/tree-builder.ts';
import { mergeInto } from '../manifest/tree-merge.ts';
import type { KeyRange } from '../manifest/tuple-key.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import { createPageReader, pagePackRecordOf } from '../points/point-pages.ts';
import { findPageRef, pageRefFromText } from '../points/page-ref-text.ts';
import { warningsInRoot } from '../points/root.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { packWritingOf } from '../runs/pack-writing.ts';
import { runPrefix, type RunPlan } from '../runs/run-plan.ts';
import { putUsage, readUsage } from '../runs/usage-runs.ts';
import type { WriteServices } from '../services.ts';
import { NameMarkCounter } from '../signs/name-marks.ts';
import { findJson, putJson } from '../work-json.ts';
import { type LeftOutFact, warningsOfLeftOut } from './left-out.ts';
import { getShardResult, type ResultsOf, ShardResult } from './shard-result.ts';

const resultsAtOnce = 16;
/** Results that are read before the first of them is joined: the packs of their pages are known by then. */
const resultsAhead = 256;
/** Runs of deltas that are merged at once; more are merged in rounds, so that memory stays bounded. */
export const usageRunsAtOnce = 256;

const count = z.int().nonnegative();

/** Sums of the shards joined so far; of the warnings the first ones, and of packs also those that joining wrote. */
export const Gathered = ShardResult.omit({ index: true, keys: true, unchanged: true, manifest: true }).extend(
  {
    /** Names of the pack usage of the attempts whose results were joined. */
    usage: z.array(z.string()),
  },
);

const JoinState = z.object({ next: count, tree: SuspendedTree, gathered: Gathered });

/** Sums of a run's shards, and the tree of all their entries. */
export type GatheredShards = z.infer<typeof Gathered> & { readonly root: PageRef | undefined };

export interface GatherOptions {
  /** Groups that {@link joinGroup} has made of all shards: their results are joined. @default the shards' own results */
  readonly groupCount?: number | undefined;
  /** Indexes of the shards in the order of their keys. @default from 0 on */
  readonly order?: readonly number[] | undefined;
  /** Asked between shards; when true the call ends and another goes on. */
  readonly shouldStop: () => boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Joins the pages of a run's shards at their seams, in the order of keys, and adds up their results. Goes on over any
 * number of calls, at least one shard each. Cost: a few pages a shard; unchanged ranges of the base cost their seams.
 * Memory: one small record a shard, and the open pages.
 * @returns `undefined` when another call has to go on.
 */
export async function gatherShards(
  services: WriteServices,
  keys: VaultKeys,
  plan: RunPlan,
  shardCount: number,
  { groupCount = 0, order, shouldStop, signal }: GatherOptions,
): Promise<GatheredShards | undefined> {
  const { store, work } = services;
  const [of, resultCount] =
    groupCount > 0 ? (['groups', groupCount] as const) : (['shards', shardCount] as const);
  const before = (await findJson(work, stateName(plan), JoinState)) ?? nothingJoined();
  const sink = await PagePackWriter.open(packWritingOf(services, keys, plan, signal));
  const gathering = new Gathering(before.gathered);
  const known = () => createPageReader(store, keys, [...(plan.base?.pagePacks ?? []), ...gathering.known]);
  let reader = known();
  const source: PageSource = { read: async (ref, end) => reader.read(ref, end) };
  const kind = createFileTreeKind(keys);
  const builder = TreeBuilder.resume(kind, { source, sink }, before.tree, 'a join under way');
  const tree = new JoinedTree(builder, findPageRef(plan.base?.manifest, plan.base?.pointId), signal);
  const finish = async (): Promise<void> => {
    await tree.endUnchanged();
    gathering.addWritten(await sink.finish());
  };
  const handOn = async (next: number): Promise<undefined> => {
    await finish();
    const gathered = await mergeParts(services, plan, gathering.gathered);
    await putJson(work, stateName(plan), { next, tree: builder.suspend(), gathered });
    return undefined;
  };
  for (let next = before.next; next < resultCount;) {
    const results = await readResults(
      work,
      plan,
      of,
      next,
      Math.min(next + resultsAhead, resultCount),
      order,
    );
    gathering.expect(results);
    reader = known();
    for (const result of results) {
      if (next > before.next && shouldStop()) return handOn(next);
      await tree.add(result);
      gathering.add(result);
      next += 1;
    }
  }
  await tree.endUnchanged();
  const root = await builder.finish(signal);
  await finish();
  const { gathered } = gathering;
  // First, so that they are among those which the root spells out.
  const told = warningsOfLeftOut(gathered.leftOut);
  return {
    ...gathered,
    warnings: [...told, ...gathered.warnings],
    warningCount: gathered.warningCount + told.length,
    root,
  };
}

/** The tree of shards that are added in the order of keys, the unchanged ones as the base has them. */
export class JoinedTree {
  readonly #builder: TreeBuilder;
  readonly #base: PageRef | undefined;
  readonly #signal: AbortSignal | undefined;
  /** Unchanged neighbours become one range, so that pages across their seam need not even be read. */
  #unchanged: KeyRange | undefined;

  constructor(builder: TreeBuilder, base: PageRef | undefined, signal: AbortSignal | undefined) {
    this.#builder = builder;
    this.#base = base;
    this.#signal = signal;
  }

  async add(result: ShardResult): Promise<void> {
    const range = rangeOf(result);
    if (range === undefined || !isNext(this.#unchanged, range)) await this.endUnchanged();
    if (range !== undefined) {
      this.#unchanged = this.#unchanged === undefined ? range : extended(this.#unchanged, range);
    } else if (result.manifest !== undefined) {
      const pages = pageRefFromText(result.manifest, `the result of shard ${result.index}`);
      await this.#builder.addTree(pages, this.#signal);
    }
  }

  /** Takes the base's pages for the shards that changed nothing. */
  async endUnchanged(): Promise<void> {
    const range = this.#unchanged;
    if (range !== undefined) await mergeInto(this.#builder, this.#base, [], { range, signal: this.#signal });
    this.#unchanged = undefined;
  }
}

export class Gathering {
  gathered: z.infer<typeof Gathered>;
  readonly #leftOut = new FactCounts<LeftOutFact>();
  readonly #marks = new NameMarkCounter();
  #expected: readonly ShardResult[] = [];

  constructor(gathered = nothingGathered()) {
    this.gathered = gathered;
    this.#leftOut.addAll(gathered.leftOut);
    this.#marks.addAll(gathered.marks);
  }

  /** Packs of all pages that may be read. */
  get known(): ShardResult['pagePacks'] {
    return [...this.gathered.pagePacks, ...this.#expected.flatMap((result) => result.pagePacks)];
  }

  expect(results: readonly ShardResult[]): void {
    this.#expected = results;
  }

  add(result: ShardResult): void {
    const { gathered } = this;
    gathered.warnings.push(...result.warnings.slice(0, warningsInRoot - gathered.warnings.length));
    gathered.warningCount += result.warningCount;
    gathered.entries = addCounts(gathered.entries, result.entries);
    this.#leftOut.addAll(result.leftOut);
    gathered.leftOut = [...this.#leftOut.list()];
    gathered.firstUnread ??= result.firstUnread;
    const throttled = (gathered.throttledCalls ?? 0) + (result.throttledCalls ?? 0);
    if (throttled > 0) gathered.throttledCalls = throttled;
    this.#marks.addAll(result.marks);
    gathered.marks = this.#marks.marks;
    gathered.pagePacks.push(...result.pagePacks);
    gathered.large.push(...result.large);
    gathered.usage.push(result.usage);
    for (const name of Object.keys(gathered.counts) as (keyof typeof gathered.counts)[])
      gathered.counts[name] += result.counts[name];
  }

  addWritten(packs: Awaited<ReturnType<PagePackWriter['finish']>>): void {
    this.gathered.pagePacks.push(...packs.map(pagePackRecordOf));
    this.gathered.counts.storedBytes += packs.reduce((sum, pack) => sum + pack.bytes, 0);
  }
}

/** Merges runs of deltas before a call hands on, so that the last one has few to read. */
async function mergeParts(
  { work, random }: WriteServices,
  plan: RunPlan,
  gathered: z.infer<typeof Gathered>,
): Promise<z.infer<typeof Gathered>> {
  if (gathered.usage.length <= usageRunsAtOnce) return gathered;
  return { ...gathered, usage: await mergeUsageParts({ work, random }, plan, gathered.usage) };
}

/** One round of merging: a run for every {@link usageRunsAtOnce}. */
export async function mergeUsageParts(
  { work, random }: Pick<WriteServices, 'work' | 'random'>,
  plan: RunPlan,
  parts: readonly string[],
): Promise<string[]> {
  const merged: string[] = [];
  for (let start = 0; start < parts.length; start += usageRunsAtOnce) {
    const runs = parts.slice(start, start + usageRunsAtOnce).map((part) => readUsage(work, plan.runId, part));
    const part = `merged-${newId(random)}`;
    await putUsage(work, plan.runId, part, mergeUsage(runs));
    merged.push(part);
  }
  return merged;
}

export async function readResults(
  work: WorkStore,
  plan: RunPlan,
  of: ResultsOf,
  from: number,
  to: number,
  order?: readonly number[],
): Promise<readonly ShardResult[]> {
  const indexes = order?.slice(from, to) ?? Array.from({ length: to - from }, (_, at) => from + at);
  const read = async (index: number): Promise<ShardResult> => getShardResult(work, plan.runId, index, of);
  return Array.fromAsync(mapConcurrent(indexes, resultsAtOnce, read));
}

/** `undefined` for a shard that changed something. */
function rangeOf({ keys, unchanged }: ShardResult): KeyRange | undefined {
  return unchanged ? rangeFromBase64(keys) : undefined;
}

/** Joins two ranges, the second of which begins where the first ends. */
function extended({ from }: KeyRange, { to }: KeyRange): KeyRange {
  return { from, to };
}

function isNext(before: KeyRange | undefined, { from }: KeyRange): boolean {
  return before?.to !== undefined && from !== undefined && toBase64(before.to) === toBase64(from);
}

function stateName(plan: RunPlan): string {
  return `${runPrefix(plan.runId)}join.json`;
}

function nothingJoined(): z.infer<typeof JoinState> {
  return { next: 0, tree: { children: [] }, gathered: nothingGathered() };
}

function nothingGathered(): z.infer<typeof Gathered> {
  return {
    counts: {
      files: 0,
      filesChanged: 0,
      filesRemoved: 0,
      logicalBytes: 0,
      readBytes: 0,
      newBytes: 0,
      storedBytes: 0,
    },
    warnings: [],
    warningCount: 0,
    entries: { read: 0, carried: 0, missing: 0 },
    leftOut: [],
    pagePacks: [],
    large: [],
    usage: [],
  };
}
