import { forEachConcurrent } from '../map-concurrent.ts';
import type { BackupError } from '../errors.ts';
import { frameKey, planRuns, type ChunkReference, type PackRun, type RunPolicy } from './plan-runs.ts';

/** A chunk's verified plain bytes, or why they cannot be had. */
export type FetchedChunk = Uint8Array | BackupError;

/**
 * Reads one run and gives each of its chunks, verified, in the run's order. Damage to one chunk is that chunk's answer;
 * a failure that may pass is thrown.
 */
export type ReadRun = (run: PackRun, signal?: AbortSignal) => Promise<readonly FetchedChunk[]>;

/** Bounds of a fetcher. Peak memory is about two windows, one cache and the runs in flight. */
export interface FetchPolicy {
  /** Plain bytes that are looked ahead and read in runs. */
  readonly windowBytes: number;
  /** Items looked ahead, whatever their size. */
  readonly windowItems: number;
  /** Plain bytes kept because a later window needs them again. */
  readonly cacheBytes: number;
  readonly runsAtOnce: number;
  readonly run?: RunPolicy;
}

/** Two workers of one process fit into 512 MiB, with room for what is being written. */
const defaultFetchPolicy: FetchPolicy = {
  windowBytes: 12 * 2 ** 20,
  windowItems: 4_096,
  cacheBytes: 16 * 2 ** 20,
  runsAtOnce: 4,
};

/** An item of a consumer's sequence, which may need a chunk. */
export interface FetchItem<Tag> {
  readonly tag: Tag;
  readonly reference?: ChunkReference;
}

export interface FetchedItem<Tag> {
  readonly tag: Tag;
  readonly chunk?: FetchedChunk;
}

/** Uses left of each frame; only frames that are needed more than once have to be in it. */
export type RemainingUses = Map<string, number>;

interface Window<Tag> {
  readonly items: readonly FetchItem<Tag>[];
  readonly chunks: ReadonlyMap<string, FetchedChunk>;
}

/**
 * Reads chunks for a consumer that wants them in order, fetching each pack range once and in runs.
 *
 * Items are taken a window at a time; within a window their chunks are grouped by pack, so a file whose chunks lie in
 * many packs costs few requests. The next window is read while the present one is consumed. A frame that is needed
 * again in a later window is kept; when the cache is full the frame kept longest is given up and read again.
 */
export class ChunkFetcher {
  readonly #readRun: ReadRun;
  readonly #policy: FetchPolicy;
  readonly #remaining: RemainingUses;
  readonly #kept = new Map<string, FetchedChunk>();
  #keptBytes = 0;

  constructor(readRun: ReadRun, remaining: RemainingUses, policy: FetchPolicy = defaultFetchPolicy) {
    this.#readRun = readRun;
    this.#remaining = remaining;
    this.#policy = policy;
  }

  async *fetch<Tag>(
    items: AsyncIterable<FetchItem<Tag>>,
    signal?: AbortSignal,
  ): AsyncGenerator<FetchedItem<Tag>, void, undefined> {
    let reading: Promise<Window<Tag>> | undefined;
    for await (const window of this.#windows(items)) {
      const current = await reading;
      reading = this.#read(window, current?.chunks ?? new Map(), signal);
      // Consuming the present window may end the iteration; then nobody waits for the next one.
      reading.catch(() => {});
      if (current !== undefined) yield* this.#consume(current);
    }
    if (reading !== undefined) yield* this.#consume(await reading);
  }

  async *#windows<Tag>(items: AsyncIterable<FetchItem<Tag>>): AsyncGenerator<readonly FetchItem<Tag>[]> {
    let window: FetchItem<Tag>[] = [];
    let bytes = 0;
    for await (const item of items) {
      window.push(item);
      bytes += item.reference?.plainBytes ?? 0;
      if (bytes >= this.#policy.windowBytes || window.length >= this.#policy.windowItems) {
        yield window;
        window = [];
        bytes = 0;
      }
    }
    if (window.length > 0) yield window;
  }

  async #read<Tag>(
    items: readonly FetchItem<Tag>[],
    before: ReadonlyMap<string, FetchedChunk>,
    signal?: AbortSignal,
  ): Promise<Window<Tag>> {
    const chunks = new Map<string, FetchedChunk>();
    const missing: ChunkReference[] = [];
    for (const { reference } of items) {
      if (reference === undefined) continue;
      const key = frameKey(reference.location);
      const known = this.#kept.get(key) ?? before.get(key);
      if (known === undefined) missing.push(reference);
      else chunks.set(key, known);
    }
    await forEachConcurrent(planRuns(missing, this.#policy.run), this.#policy.runsAtOnce, async (run) => {
      const answers = await this.#readRun(run, signal);
      run.chunks.forEach((chunk, index) =>
        chunks.set(frameKey(chunk.location), answers[index] as FetchedChunk),
      );
    });
    return { items, chunks };
  }

  *#consume<Tag>({ items, chunks }: Window<Tag>): Generator<FetchedItem<Tag>, void, undefined> {
    for (const { tag, reference } of items) {
      if (reference === undefined) {
        yield { tag };
        continue;
      }
      const key = frameKey(reference.location);
      const chunk = chunks.get(key) as FetchedChunk;
      this.#countUse(key, chunk);
      yield { tag, chunk };
    }
  }

  #countUse(key: string, chunk: FetchedChunk): void {
    const uses = this.#remaining.get(key);
    if (uses === undefined) return;
    if (uses > 1) {
      this.#remaining.set(key, uses - 1);
      this.#keep(key, chunk);
    } else {
      this.#remaining.delete(key);
      this.#drop(key);
    }
  }

  #keep(key: string, chunk: FetchedChunk): void {
    if (this.#kept.has(key)) return;
    this.#kept.set(key, chunk);
    this.#keptBytes += byteLengthOf(chunk);
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= this.#policy.cacheBytes) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const chunk = this.#kept.get(key);
    if (chunk === undefined) return;
    this.#kept.delete(key);
    this.#keptBytes -= byteLengthOf(chunk);
  }
}

function byteLengthOf(chunk: FetchedChunk): number {
  return chunk instanceof Uint8Array ? chunk.length : 0;
}
