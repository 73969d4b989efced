import * as z from 'zod';
import { fromBase64, rangeFromBase64, toBase64 } from '../bytes.ts';
import { UnknownNameError } from '../errors.ts';
import { decodeFileKey, entryKey, type KeyRange } from '../manifest/tuple-key.ts';
import { storedShareOf } from '../packs/chunk-location.ts';
import type { ShardLimits } from '../protect/shards.ts';
import type { PathRange, SourceEntry } from '../ports/file-source.ts';
import { pathAfter } from '../protect/shards.ts';
import { pointItems } from './point-items.ts';
import type { PointReader } from './point-reader.ts';
import { quoteRestore, type RestoreQuote, type RestoreWork } from './quote.ts';
import { selectKeys } from './selection.ts';

/** Cuts by pages that are made before the time is looked at: each reads a page or two. */
const cutsAtOnce = 200;

const RestoreShard = z.object({ index: z.int(), from: z.base64().optional(), to: z.base64().optional() });
/** A part of a restore for one worker: a range of keys, in JSON. */
export type RestoreShard = Readonly<z.infer<typeof RestoreShard>>;

const amounts = { files: z.int(), bytes: z.int() };

/** State of planning, which one call leaves to the next. */
export const RestorePlanning = z.object({
  shards: z.array(RestoreShard),
  /** Cuts made so far, of a point that is cut by its pages. */
  cuts: z.int(),
  /** The selected range that is looked at, the entry that comes next in it, and the files found in it. */
  range: z.int(),
  next: z.base64().optional(),
  rangeFiles: z.int(),
  /** Start and amounts of the shard that is being filled. */
  from: z.base64().optional(),
  part: z.object(amounts),
  total: z.object({ ...amounts, storedBytes: z.int(), largestFileBytes: z.int() }),
});
export type RestorePlanning = z.infer<typeof RestorePlanning>;

export interface RestorePlan {
  readonly shards: readonly RestoreShard[];
  readonly quote: RestoreQuote;
}

export interface PlanRestoreOptions {
  /** Paths as a person writes them; see `selectKeys`. @default everything */
  readonly paths?: readonly string[];
  readonly limits: ShardLimits;
  /** Workers that will share the work, for the time in the quote. */
  readonly workers: number;
  /** The caller's own process restores, into files of its machine. @default false */
  readonly isLocal?: boolean;
  /** Above this many entries a whole point is cut by its pages alone, without reading every entry. @default 200,000 */
  readonly exactEntries?: number;
  readonly signal?: AbortSignal;
}

/** Plans a restore in one go; see {@link planSomeRestore}. */
export async function planRestore(reader: PointReader, options: PlanRestoreOptions): Promise<RestorePlan> {
  for (;;) {
    const step = await planSomeRestore(reader, options);
    if (step.done) return step.plan;
  }
}

/** The plan, or the state from which another call has to go on. */
export type RestorePlanStep =
  | { readonly done: false; readonly planning: RestorePlanning }
  | { readonly done: true; readonly plan: RestorePlan };

/**
 * Cuts a restore into shards and quotes what it will read and write, over any number of calls, at least one file each.
 * Reads pages only: of the selection, or, for a large whole point, the inner ones.
 * @param before - what an earlier call with the same options returned.
 * @throws {@link UnknownNameError} a path selects nothing in this point.
 */
export async function planSomeRestore(
  reader: PointReader,
  options: PlanRestoreOptions & { readonly shouldStop?: () => boolean },
  before?: RestorePlanning,
): Promise<RestorePlanStep> {
  const { paths, limits, signal, exactEntries = 200_000, shouldStop = () => false } = options;
  const planning = before === undefined ? nothingPlanned() : structuredClone(before);
  const { shards, total } = planning;
  const { root } = reader;
  const finish = (work: Pick<RestoreWork, 'files' | 'bytes' | 'storedBytes' | 'largestFileBytes'>) =>
    ({
      done: true,
      plan: { shards, quote: quoteRestore({ ...work, ...readingOf(reader, options) }) },
    }) as const;
  if (paths === undefined && reader.manifest.entries > exactEntries) {
    if (!(await cutSome(reader, limits, planning, shouldStop, signal))) return { done: false, planning };
    const { files, logicalBytes } = root.counts;
    return finish({ files, bytes: logicalBytes, storedBytes: logicalBytes });
  }
  if (before === undefined) await checkPaths(reader, paths ?? [], signal);
  const list = (range: KeyRange) => plannedItems(reader, range, signal);
  const next = await fillShards(planning, selectKeys(paths), list, { limits, shouldStop });
  return next === undefined ? finish(total) : { done: false, planning: next };
}

/** A unit that a plan counts: the beginning of an entry, or more of what reading it takes. */
export interface PlannedItem {
  readonly begins?: Pick<SourceEntry, 'path' | 'size'>;
  readonly storedBytes: number;
}

/**
 * Plans a restore of entries that are not in the manifest of a point, such as files in its volumes, as
 * {@link planSomeRestore} does.
 */
export async function planSomeEntries(
  reader: PointReader,
  list: (range: KeyRange) => AsyncIterable<PlannedItem>,
  options: Omit<PlanRestoreOptions, 'paths' | 'exactEntries' | 'signal'> & {
    readonly shouldStop?: () => boolean;
  },
  before?: RestorePlanning,
): Promise<RestorePlanStep> {
  const { limits, shouldStop = () => false } = options;
  const planning = before === undefined ? nothingPlanned() : structuredClone(before);
  const next = await fillShards(planning, [{}], list, { limits, shouldStop });
  if (next !== undefined) return { done: false, planning: next };
  const quote = quoteRestore({ ...planning.total, ...readingOf(reader, options) });
  return { done: true, plan: { shards: planning.shards, quote } };
}

async function* plannedItems(
  reader: PointReader,
  range: KeyRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<PlannedItem> {
  for await (const { tag, reference } of pointItems(reader, range, { signal })) {
    const storedBytes = reference === undefined ? 0 : storedShareOf(reference);
    yield 'begins' in tag ? { begins: tag.begins.entry, storedBytes } : { storedBytes };
  }
}

/** @returns the state from which another call has to go on, when the time was up. */
async function fillShards(
  planning: RestorePlanning,
  ranges: readonly KeyRange[],
  list: (range: KeyRange) => AsyncIterable<PlannedItem>,
  { limits, shouldStop }: { readonly limits: ShardLimits; readonly shouldStop: () => boolean },
): Promise<RestorePlanning | undefined> {
  const { shards, total } = planning;
  let files = 0;
  for (let selected = ranges[planning.range]; selected !== undefined; selected = ranges[planning.range]) {
    const { next } = planning;
    const left = next === undefined ? selected : { ...selected, from: fromBase64(next) };
    if (next === undefined) planning.from = selected.from && toBase64(selected.from);
    for await (const { begins, storedBytes } of list(left)) {
      if (begins !== undefined) {
        const { path, size } = begins;
        const key = toBase64(entryKey(path));
        // One a call at least, however little time it has: else no number of calls gets through.
        if (files > 0 && shouldStop()) return { ...planning, next: key };
        const { part } = planning;
        if (part.files > 0 && (part.files >= limits.files || part.bytes + size > limits.bytes)) {
          shards.push({ index: shards.length, from: planning.from, to: key });
          planning.from = key;
          planning.part = { files: 0, bytes: 0 };
        }
        planning.part.files += 1;
        planning.part.bytes += size;
        planning.rangeFiles += 1;
        files += 1;
        total.files += 1;
        total.bytes += size;
        total.largestFileBytes = Math.max(total.largestFileBytes, size);
      }
      total.storedBytes += storedBytes;
    }
    if (planning.rangeFiles > 0)
      shards.push({
        index: shards.length,
        from: planning.from,
        to: selected.to && toBase64(selected.to),
      });
    Object.assign(planning, { range: planning.range + 1, next: undefined, rangeFiles: 0 });
    planning.part = { files: 0, bytes: 0 };
  }
  return undefined;
}

function nothingPlanned(): RestorePlanning {
  return {
    shards: [],
    cuts: 0,
    range: 0,
    rangeFiles: 0,
    part: { files: 0, bytes: 0 },
    total: { files: 0, bytes: 0, storedBytes: 0, largestFileBytes: 0 },
  };
}

/** Facts of a quote besides amounts. A container lies in a class of its own, packs in the standard one. */
function readingOf(
  { root }: PointReader,
  { workers, isLocal }: Pick<PlanRestoreOptions, 'workers' | 'isLocal'>,
): Pick<RestoreWork, 'workers' | 'isLocal' | 'isInSnapshots' | 'storageClass'> {
  const isInSnapshots = root.image !== undefined && root.manifest === undefined;
  return { workers, isLocal, isInSnapshots, storageClass: root.container?.storageClass };
}

/** @returns true when all cuts are made. */
async function cutSome(
  { root, manifest }: PointReader,
  limits: ShardLimits,
  planning: RestorePlanning,
  shouldStop: () => boolean,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { shards } = planning;
  const pieces = Math.ceil(
    Math.max(manifest.entries / limits.files, root.counts.logicalBytes / limits.bytes),
  );
  const { cuts: before } = planning;
  while (planning.cuts < pieces - 1) {
    if (planning.cuts > before && shouldStop()) return false;
    const keys = await manifest.splitKeys(pieces, { first: planning.cuts, most: cutsAtOnce, signal });
    for (const key of keys) {
      const cut = toBase64(entryKey(pathAfter(decodeFileKey(key, root.point).path)));
      if (cut === planning.from) continue;
      shards.push({ index: shards.length, from: planning.from, to: cut });
      planning.from = cut;
    }
    planning.cuts += cutsAtOnce;
  }
  shards.push({ index: shards.length, from: planning.from });
  return true;
}

/** The paths that a range of keys of entries stands for. */
export function pathRangeOf({ from, to }: KeyRange): PathRange {
  return { from: from && pathOfKey(from), to: to && pathOfKey(to) };
}

function pathOfKey(key: Uint8Array): Uint8Array {
  return decodeFileKey(key, 'the range').path;
}

export function keysOfRestoreShard(shard: Pick<RestoreShard, 'from' | 'to'>): KeyRange {
  return rangeFromBase64(shard);
}

/** Looks at each path by itself: one that is missing may lie inside another, whose range says nothing about it. */
async function checkPaths(
  { manifest, root: { point } }: PointReader,
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const path of paths) {
    const [selected] = selectKeys([path]);
    const first = await manifest.range(selected, { signal }).next();
    if (first.done !== true) continue;
    throw new UnknownNameError(
      `point ${point} has nothing at ${JSON.stringify(path)}; ` +
        `list it with "holdfast ls ${point}"; a directory's path ends in "/"`,
    );
  }
}
