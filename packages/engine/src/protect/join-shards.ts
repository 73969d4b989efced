import * as z from 'zod';
import { addCounts } from '../add-counts.ts';
import { newId } from '../bytes.ts';
import { NothingReadError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { mergePackMap, nothingMerged, PackMapMerge } from '../manifest/merge-pack-map.ts';
import { createPackMapKind } from '../manifest/pack-map.ts';
import { applyUsage, mergeUsage, type PackDelta } from '../manifest/pack-usage.ts';
import type { PageRef, PageStore } from '../manifest/page-store.ts';
import { nothingRewritten, PageRewrite, rewritePages } from '../manifest/rewrite-pages.ts';
import type { TreeKind } from '../manifest/tree-kind.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import { createPageReader, pagePackRecordOf } from '../points/point-pages.ts';
import { findPageRef, PageRefText, pageRefToText } from '../points/page-ref-text.ts';
import { PagePackRecord } from '../points/root.ts';
import type { PointContent } from '../runs/point-content.ts';
import { packWritingOf } from '../runs/pack-writing.ts';
import { choosePagePacks, countUsedPages, noUsedPages, UsedPages } from '../runs/page-packs-in-use.ts';
import { runPrefix, type RunPlan } from '../runs/run-plan.ts';
import { putUsage, readUsage } from '../runs/usage-runs.ts';
import type { WriteServices } from '../services.ts';
import { findJson, putJson } from '../work-json.ts';
import {
  Gathered,
  gatherShards,
  mergeUsageParts,
  usageRunsAtOnce,
  type GatherOptions,
} from './gather-shards.ts';
import { findBroken, repairLargeObjects, type RepairOptions } from './large-objects.ts';
import type { ShardResult } from './shard-result.ts';

/** The content of a point, or a sign that another call has to go on. */
export type JoinStep =
  | { readonly done: false }
  | {
      readonly done: true;
      readonly content: PointContent;
      /** Calls of the source, of all shards, that it refused as one too many, and that were made again. */
      readonly throttledCalls: number;
    };

/** Makes one point's content of the workers' results in one go; see {@link joinSomeShards}. */
export async function joinShards(
  services: WriteServices,
  keys: VaultKeys,
  plan: RunPlan,
  shardCount: number,
  { order, signal }: Pick<GatherOptions, 'order' | 'signal'> = {},
): Promise<PointContent> {
  for (;;) {
    const options = { order, shouldStop: () => false, signal };
    const step = await joinSomeShards(services, keys, plan, shardCount, options);
    if (step.done) return step.content;
  }
}

/** Packs whose changes are merged into the pack map before the time is looked at. */
const defaultPacksAtOnce = 10_000;

const JoinedState = z.object({
  gathered: Gathered,
  /** Large objects mended so far, which the shards did not see alike, and what that changed. */
  mended: z.object({ objects: z.int(), files: z.int(), logicalBytes: z.int() }),
  manifest: PageRefText.optional(),
  /** Runs of deltas that the pack map has to take in. */
  usage: z.array(z.string()),
  packMap: PackMapMerge,
  /** Absent while it is being made; null when the point needs no pack. */
  packMapRoot: PageRefText.nullish(),
  /** Trees whose pages in mostly dead packs are written anew, and how far the next one is. */
  rewritten: z.object({ trees: z.int(), next: PageRewrite }),
  usedPages: UsedPages,
  /** Packs and bytes of the pages written so far. */
  pagePacks: z.array(PagePackRecord),
  pageBytes: z.int(),
});
type JoinedState = z.infer<typeof JoinedState>;

export interface JoinOptions extends GatherOptions {
  /** Packs merged before the time is looked at. @default 10,000 */
  readonly packsAtOnce?: number;
}

/**
 * Makes one point's content of the workers' results, over any number of calls: joins their pages at the seams, mends
 * objects that several shards shared, derives the pack map from the base's, writes pages anew that lie in mostly dead
 * packs, and counts the page packs in use. Cost: a few pages a shard, pages in proportion to the packs that changed, and
 * now and then a look at all inner pages. Memory: one small record a shard, the open pages, and a part of each of 256 runs of deltas.
 */
export async function joinSomeShards(
  services: WriteServices,
  keys: VaultKeys,
  plan: RunPlan,
  shardCount: number,
  options: JoinOptions,
): Promise<JoinStep> {
  const before = await findJson(services.work, joinedName(plan), JoinedState);
  const state = before ?? (await begin(services, keys, plan, shardCount, options));
  if (state === undefined) return { done: false };
  const writer = await PagePackWriter.open(packWritingOf(services, keys, plan, options.signal));
  // One unit a call at least, however little time it has: else no number of calls gets through.
  const join = new Join({ services, keys, plan, state, writer, options, isFirst: before !== undefined });
  if (!(await join.mendObjects())) return join.handOn();
  const { entries, firstUnread, warnings } = state.gathered;
  checkAnyRead(plan, entries, firstUnread ?? warnings[0]?.message);
  if (!(await join.makePackMap())) return join.handOn();
  if (!(await join.rewriteTrees())) return join.handOn();
  const content = await join.makeContent();
  if (content === 'unfinished') return join.handOn();
  return { done: true, content, throttledCalls: state.gathered.throttledCalls ?? 0 };
}

interface JoinOf {
  readonly services: WriteServices;
  readonly keys: VaultKeys;
  readonly plan: RunPlan;
  readonly state: JoinedState;
  readonly writer: PagePackWriter;
  readonly options: JoinOptions;
}

/** One call's part of a join. */
class Join {
  readonly #of: JoinOf;
  readonly #fileKind: TreeKind;
  readonly #packMapKind: TreeKind;
  readonly #before: Pick<JoinedState, 'pagePacks' | 'pageBytes'>;
  #isFirst: boolean;

  constructor({ isFirst, ...of }: JoinOf & { readonly isFirst: boolean }) {
    this.#of = of;
    this.#isFirst = isFirst;
    this.#fileKind = createFileTreeKind(of.keys);
    this.#packMapKind = createPackMapKind(of.keys);
    const { pagePacks, pageBytes } = of.state;
    this.#before = { pagePacks, pageBytes };
  }

  async handOn(): Promise<JoinStep> {
    const { services, plan, state } = this.#of;
    await this.#storePages();
    await putJson(services.work, joinedName(plan), state);
    return { done: false };
  }

  /** Mends objects that several shards did not see alike. @returns true when done. */
  async mendObjects(): Promise<boolean> {
    const { gathered, mended } = this.#of.state;
    for (const broken of findBroken(gathered.large).slice(mended.objects)) {
      if (this.#isTimeUp()) return false;
      await this.#mend(broken);
    }
    return true;
  }

  /** Derives the pack map from the base's. @returns true when done. */
  async makePackMap(): Promise<boolean> {
    const { services, plan, state } = this.#of;
    if (state.packMapRoot !== undefined) return true;
    while (state.usage.length > usageRunsAtOnce) {
      if (this.#isTimeUp()) return false;
      const merged = await mergeUsageParts(services, plan, state.usage.slice(0, usageRunsAtOnce));
      state.usage = [...state.usage.slice(usageRunsAtOnce), ...merged];
    }
    const root = await this.#mergePackMap();
    if (root === 'unfinished') return false;
    await this.#storePages();
    state.packMapRoot = root === undefined ? null : pageRefToText(root);
    return !this.#isTimeUp();
  }

  /** Writes pages anew that lie in mostly dead packs. @returns true when done. */
  async rewriteTrees(): Promise<boolean> {
    const { plan, state, options } = this.#of;
    const dead = new Set(plan.rewrittenPagePacks);
    if (dead.size === 0) return true;
    const storePages = async (): Promise<void> => this.#storePages();
    const how = { shouldStop: () => this.#isTimeUp(), storePages, signal: options.signal };
    const kinds = { manifest: this.#fileKind, packMapRoot: this.#packMapKind };
    for (const tree of (['manifest', 'packMapRoot'] as const).slice(state.rewritten.trees)) {
      const root = findPageRef(state[tree] ?? undefined, 'a join under way');
      const rewritten = await rewritePages(kinds[tree], this.#pages(), root, dead, state.rewritten.next, how);
      if (rewritten === 'unfinished') return false;
      await storePages();
      if (rewritten !== undefined) state[tree] = pageRefToText(rewritten);
      state.rewritten = { trees: state.rewritten.trees + 1, next: nothingRewritten() };
      if (this.#isTimeUp()) return false;
    }
    return true;
  }

  async makeContent(): Promise<PointContent | 'unfinished'> {
    const { plan, state } = this.#of;
    const { gathered, mended } = state;
    const manifest = findPageRef(state.manifest, 'a join under way');
    const packMap = findPageRef(state.packMapRoot ?? undefined, 'a join under way');
    const inUse = await choosePagePacks(plan, this.#known(), async () =>
      countUsedPages(this.#pages().source, { manifest, packMap }, state.usedPages, () => this.#isTimeUp()),
    );
    if (inUse === 'unfinished') return 'unfinished';
    const { counts, warnings, warningCount, entries } = gathered;
    return {
      counts: {
        ...counts,
        storedBytes: counts.storedBytes + state.pageBytes,
        files: counts.files + mended.files,
        logicalBytes: counts.logicalBytes + mended.logicalBytes,
      },
      warnings,
      unread: { carried: entries.carried, missing: entries.missing },
      warningCount,
      marks: state.gathered.marks,
      manifest: state.manifest,
      packMap: state.packMapRoot ?? undefined,
      ...inUse,
      ...smallestLock(packMap, inUse.pagePacks),
    };
  }

  /** Stores the written pages, so that they can be read and another call finds them. */
  async #storePages(): Promise<void> {
    const { state, writer } = this.#of;
    const packs = await writer.finish();
    state.pagePacks = [...this.#before.pagePacks, ...packs.map(pagePackRecordOf)];
    state.pageBytes = packs.reduce((sum, pack) => sum + pack.bytes, this.#before.pageBytes);
  }

  #known(): readonly PagePackRecord[] {
    const { plan, state } = this.#of;
    const records = [...(plan.base?.pagePacks ?? []), ...state.gathered.pagePacks, ...state.pagePacks];
    return [...new Map(records.map((record) => [record.pack, record])).values()];
  }

  #pages(): PageStore {
    const { services, keys, writer } = this.#of;
    return { source: createPageReader(services.store, keys, this.#known()), sink: writer };
  }

  #isTimeUp(): boolean {
    const stop = !this.#isFirst && this.#of.options.shouldStop();
    this.#isFirst = false;
    return stop;
  }

  /** Mends an object, and stores the pages that it wrote: only stored pages can be read. */
  async #mend(broken: RepairOptions['broken'][number]): Promise<void> {
    const { services, plan, state } = this.#of;
    const root = findPageRef(state.manifest, 'a join under way');
    const pages = this.#pages();
    const repaired = await repairLargeObjects({ kind: this.#fileKind, pages, broken: [broken], plan, root });
    await this.#storePages();
    state.manifest = repaired.root && pageRefToText(repaired.root);
    const part = `mended-${newId(services.random)}`;
    await putUsage(services.work, plan.runId, part, repaired.usage);
    state.usage.push(part);
    const { gathered, mended } = state;
    gathered.entries = addCounts(gathered.entries, repaired.entries);
    gathered.warnings.push(...repaired.warnings);
    gathered.warningCount += repaired.warnings.length;
    mended.objects += 1;
    mended.files += repaired.files;
    mended.logicalBytes += repaired.logicalBytes;
  }

  async #mergePackMap(): Promise<PageRef | undefined | 'unfinished'> {
    const { services, plan, state, options } = this.#of;
    const { packsAtOnce = defaultPacksAtOnce, signal } = options;
    const { after } = state.packMap;
    const pages = this.#pages();
    const base = findPageRef(plan.base?.packMap, plan.base?.pointId);
    const before = new TreeReader(this.#packMapKind, pages.source, base);
    const deltasAfter = async function* (): AsyncGenerator<PackDelta> {
      const parts = state.usage.map((part) => readUsage(services.work, plan.runId, part));
      for await (const delta of mergeUsage(parts))
        if (after === undefined || delta.packId > after) yield delta;
    };
    return mergePackMap({
      kind: this.#packMapKind,
      pages,
      base,
      items: deltasAfter(),
      changesOf: (deltas) => applyUsage(before, deltas, signal),
      packsAtOnce,
      isTimeUp: () => this.#isTimeUp(),
      storePages: async () => this.#storePages(),
      state: state.packMap,
      signal,
    });
  }
}

/** @returns `undefined` when there are shards left. */
async function begin(
  services: WriteServices,
  keys: VaultKeys,
  plan: RunPlan,
  shardCount: number,
  options: GatherOptions,
): Promise<JoinedState | undefined> {
  const shards = await gatherShards(services, keys, plan, shardCount, options);
  if (shards === undefined) return undefined;
  const { root, ...gathered } = shards;
  return {
    gathered,
    mended: { objects: 0, files: 0, logicalBytes: 0 },
    manifest: root && pageRefToText(root),
    usage: [...gathered.usage, ...plan.leases],
    packMap: nothingMerged(),
    rewritten: { trees: 0, next: nothingRewritten() },
    usedPages: noUsedPages(),
    pagePacks: [],
    pageBytes: 0,
  };
}

function joinedName(plan: RunPlan): string {
  return `${runPrefix(plan.runId)}joined.json`;
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
 * Refuses a point of which nothing was read: it says no more than the one before it, and would be taken for the newest
 * state.
 * @throws {@link NothingReadError} nothing of the listed entries could be read.
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
