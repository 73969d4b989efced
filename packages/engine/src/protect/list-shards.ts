import { addAmounts, type WorkAmount } from '../ports/catalog/progress.ts';
import * as z from 'zod';
import { compareBytes, newId, rangeFromBase64, toBase64, fromUtf8 } from '../bytes.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import type { FileSource, PathRange, SourceEntry } from '../ports/file-source.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { putJson } from '../work-json.ts';
import {
  numberShards,
  pathAfter,
  shardFromJson,
  shardToJson,
  stretchBytes,
  stretchesOf,
  type Shard,
  type ShardDraft,
  type ShardJson,
  type ShardLimits,
} from './shards.ts';

/** Ranges that one call lists side by side: a request takes a source about 100 ms, and brings 1,000 entries. */
const rangesAtOnce = 64;
/** Entries after which a range gives away a part of what is left of it, while there is room for another range. */
const defaultEntriesBetweenSplits = 20_000;
/** Entries after which a listing looks at the time. */
const entriesBetweenLooks = 1_000;
const partsAtOnce = 16;

const RangeState = z.object({
  from: z.base64().optional(),
  /** Path to go on from; absent at the start of a range. */
  resume: z.base64().optional(),
  to: z.base64().optional(),
  /** Names of the lists of drafts that were written of it, in the order of paths. */
  parts: z.array(z.string()),
  done: z.boolean(),
});
type RangeState = z.infer<typeof RangeState>;

/** State of a listing, its ranges in the order of paths: small, and the same whichever invocation goes on with it. */
export const ListingState = z.object({ ranges: z.array(RangeState) });
export type ListingState = z.infer<typeof ListingState>;

export interface ListShardsOptions {
  readonly source: FileSource;
  readonly work: WorkStore;
  readonly random: RandomBytes;
  /** Names in the work store start with it, `runs/<runId>/` for instance. */
  readonly workPrefix: string;
  readonly limits: ShardLimits;
  /** Asked after every thousand entries or so; when true the step ends and another goes on. */
  readonly shouldStop: () => boolean;
  /** @default 20,000 */
  readonly entriesBetweenSplits?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lists a source and cuts it into shards; goes on over any number of calls, each given the last one's state. Begins with
 * one range; a range that turns out to be long gives the part behind a split away, until as many are listed side by side
 * as one call has room for. Can be repeated, also while an earlier attempt is still at work: each names what it writes
 * anew, as no two of them cut the ranges at the same paths. Memory: one draft for every shard.
 */
export async function listShards(
  options: ListShardsOptions,
  state?: ListingState,
): Promise<
  | { readonly done: false; readonly state: ListingState }
  | { readonly done: true; readonly shards: readonly Shard[]; readonly total: WorkAmount }
> {
  const listing = new Listing(options, state ?? { ranges: [{ parts: [], done: false }] });
  await listing.run();
  const { ranges } = listing;
  if (ranges.some((range) => !range.done)) return { done: false, state: { ranges } };
  const parts = ranges.flatMap((range) => range.parts);
  const drafts: ShardDraft[] = [];
  for await (const some of mapConcurrent(parts, partsAtOnce, async (name) => getDrafts(options, name)))
    for (const draft of some) drafts.push(draft);
  return { done: true, shards: numberShards(drafts, options.limits), total: addAmounts(drafts) };
}

/** One call's part of a listing. */
class Listing {
  readonly #options: ListShardsOptions;
  readonly #ranges: RangeState[];
  readonly #running = new Set<Promise<void>>();
  /** Ranges that wait for room, and splits that are being looked for. */
  #expected = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: ListShardsOptions, { ranges }: ListingState) {
    this.#options = options;
    this.#ranges = structuredClone(ranges);
  }

  /** In the order of paths. */
  get ranges(): RangeState[] {
    return this.#ranges;
  }

  async run(): Promise<void> {
    const waiting = this.#ranges.filter(({ done }) => !done);
    for (;;) {
      for (const range of waiting.splice(0, rangesAtOnce - this.#running.size)) this.#start(range);
      if (this.#running.size === 0) return;
      this.#expected += waiting.length;
      await Promise.race(this.#running);
      this.#expected -= waiting.length;
      if (this.#failure !== undefined) throw this.#failure.error;
    }
  }

  #start(range: RangeState): void {
    const work = this.#list(range)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  async #list(range: RangeState): Promise<void> {
    const { source, work, random, workPrefix, limits, shouldStop, entriesBetweenSplits, signal } =
      this.#options;
    if (shouldStop()) return;
    const paths: PathRange = rangeFromBase64({ from: range.resume ?? range.from, to: range.to });
    const cutter = new ShardCutter(limits, paths);
    let { to } = paths;
    let seen = 0;
    let resume: Uint8Array | undefined;
    for await (const entry of source.list(paths, signal)) {
      // In a function it would go on beside its repetition, whenever that wakes it.
      if (this.#failure !== undefined) return;
      if (to !== undefined && compareBytes(entry.path, to) >= 0) break;
      cutter.add(entry);
      seen += 1;
      if (seen % entriesBetweenLooks === 0 && shouldStop()) {
        resume = pathAfter(entry.path);
        break;
      }
      if (seen % (entriesBetweenSplits ?? defaultEntriesBetweenSplits) === 0)
        to = (await this.#giveAway(range, { from: pathAfter(entry.path), to })) ?? to;
    }
    const part = `${workPrefix}cuts/${newId(random)}.json`;
    await putJson(work, part, cutter.finish(resume ?? to).map(draftToJson), signal);
    range.parts.push(part);
    range.resume = resume && toBase64(resume);
    range.done = resume === undefined;
  }

  /** Has the rest of a range listed side by side with its beginning. @returns where the beginning ends now. */
  async #giveAway(range: RangeState, rest: PathRange): Promise<Uint8Array | undefined> {
    const { source, signal } = this.#options;
    if (this.#running.size + this.#expected >= rangesAtOnce) return undefined;
    this.#expected += 1;
    const split = await source.findSplit?.(rest, signal);
    this.#expected -= 1;
    if (split === undefined) return undefined;
    const given: RangeState = { from: toBase64(split), to: range.to, parts: [], done: false };
    range.to = given.from;
    this.#ranges.splice(this.#ranges.indexOf(range) + 1, 0, given);
    this.#start(given);
    return split;
  }
}

async function getDrafts({ work }: ListShardsOptions, name: string): Promise<readonly ShardDraft[]> {
  const text = fromUtf8(await work.get(name));
  return (JSON.parse(text) as DraftJson[]).map(draftFromJson);
}

/** Cuts a listing, entry by entry, into drafts within the limits. */
class ShardCutter {
  readonly #limits: ShardLimits;
  readonly #drafts: ShardDraft[] = [];
  #from: Uint8Array | undefined;
  #files = 0;
  #bytes = 0;

  constructor(limits: ShardLimits, paths: PathRange) {
    this.#limits = limits;
    this.#from = paths.from;
  }

  add(entry: SourceEntry): void {
    const bytes = Math.min(entry.size, stretchBytes);
    if (
      this.#files > 0 &&
      (this.#files + 1 > this.#limits.files || this.#bytes + bytes > this.#limits.bytes)
    ) {
      this.#close(entry.path);
    }
    this.#files += 1;
    this.#bytes += bytes;
    if (entry.size > stretchBytes) this.#cutLarge(entry);
  }

  #cutLarge(entry: SourceEntry): void {
    const next = pathAfter(entry.path);
    this.#close(next, entry.path);
    this.#drafts.push(...stretchesOf(entry));
  }

  finish(to: Uint8Array | undefined): readonly ShardDraft[] {
    this.#close(to);
    return this.#drafts;
  }

  #close(to: Uint8Array | undefined, largeTail?: Uint8Array): void {
    this.#drafts.push({
      paths: { from: this.#from, to },
      largeTail,
      files: this.#files,
      bytes: this.#bytes,
    });
    this.#from = to;
    this.#files = 0;
    this.#bytes = 0;
  }
}

type DraftJson = ShardJson & { readonly files: number; readonly bytes: number };

function draftToJson({ files, bytes, ...shard }: ShardDraft): DraftJson {
  return { ...shardToJson({ index: 0, ...shard }), files, bytes };
}

function draftFromJson({ files, bytes, ...json }: DraftJson): ShardDraft {
  const { index: _, ...shard } = shardFromJson(json);
  return { ...shard, files, bytes };
}
