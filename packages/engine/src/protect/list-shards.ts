import { rangeFromBase64, toBase64, utf8 } from '../bytes.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import type { FileSource, PathRange, SourceEntry } from '../ports/file-source.ts';
import type { WorkStore } from '../ports/work-store.ts';
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

/** Ranges that one invocation lists side by side. */
const rangesAtOnce = 16;
/** Most ranges that a source is split into; each is listed by itself. */
const rangesLimit = 64;

/** State of a listing: small, and the same whichever invocation goes on with it. */
export interface ListingState {
  /** `resume` is the path to go on from; absent at the start of a range. */
  readonly ranges: readonly {
    readonly from?: string;
    readonly to?: string;
    readonly resume?: string;
    readonly parts: number;
    readonly done: boolean;
  }[];
}

export interface ListShardsOptions {
  readonly source: FileSource;
  readonly work: WorkStore;
  /** Names in the work store start with it, `runs/<runId>/` for instance. */
  readonly workPrefix: string;
  readonly limits: ShardLimits;
  /** Asked after every thousand entries or so; when true the step ends and another goes on. */
  readonly shouldStop: () => boolean;
  readonly signal?: AbortSignal;
}

/**
 * Lists a source and cuts it into shards; goes on over any number of calls, each given the last one's state.
 * Ranges of the key space are listed side by side. Memory: one draft for every shard found in this call.
 */
export async function listShards(
  options: ListShardsOptions,
  state?: ListingState,
): Promise<
  | { readonly done: false; readonly state: ListingState }
  | { readonly done: true; readonly shards: readonly Shard[] }
> {
  const before = state ?? (await startListing(options));
  const ranges: ListingState['ranges'][number][] = [];
  const indexed = before.ranges.map((range, index) => ({ range, index }));
  for await (const listed of mapConcurrent(indexed, rangesAtOnce, async ({ range, index }) =>
    listRange(options, range, index),
  )) {
    ranges.push(listed);
  }
  if (ranges.some((range) => !range.done)) return { done: false, state: { ranges } };
  const drafts: ShardDraft[] = [];
  for (const [index, range] of ranges.entries()) {
    for (let part = 0; part < range.parts; part += 1) {
      const text = Buffer.from(await options.work.get(partName(options, index, part))).toString('utf8');
      for (const draft of JSON.parse(text) as DraftJson[]) drafts.push(draftFromJson(draft));
    }
  }
  return { done: true, shards: numberShards(drafts, options.limits) };
}

async function startListing({ source, signal }: ListShardsOptions): Promise<ListingState> {
  const cuts = await source.listSplits({}, rangesLimit, signal);
  const bounds = [undefined, ...cuts.map((cut) => toBase64(cut)), undefined];
  const ranges = bounds.slice(1).map((to, at) => {
    const from = bounds[at];
    return { from, to, parts: 0, done: false };
  });
  return { ranges };
}

async function listRange(
  options: ListShardsOptions,
  range: ListingState['ranges'][number],
  index: number,
): Promise<ListingState['ranges'][number]> {
  if (range.done || options.shouldStop()) return range;
  const paths: PathRange = rangeFromBase64({ from: range.resume ?? range.from, to: range.to });
  const cutter = new ShardCutter(options.limits, paths);
  let seen = 0;
  let resume: Uint8Array | undefined;
  for await (const entry of options.source.list(paths, options.signal)) {
    cutter.add(entry);
    seen += 1;
    if (seen % 1_000 === 0 && options.shouldStop()) {
      resume = pathAfter(entry.path);
      break;
    }
  }
  const drafts = cutter.finish(resume ?? paths.to);
  const body = utf8(JSON.stringify(drafts.map(draftToJson)));
  await options.work.put(partName(options, index, range.parts), body, options.signal);
  return {
    ...range,
    parts: range.parts + 1,
    resume: resume && toBase64(resume),
    done: resume === undefined,
  };
}

function partName({ workPrefix }: ListShardsOptions, range: number, part: number): string {
  return `${workPrefix}cuts/${range}-${part}.json`;
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
