import { forEachConcurrent } from '../map-concurrent.ts';
import type { BackupError } from '../errors.ts';
import { frameKey, planRuns, type ChunkReference, type PackRun, type RunPolicy } from './plan-runs.ts';

/** A chunk's verified plain bytes, or why they cannot be had. */
export type FetchedChunk = Uint8Array | BackupError;

/**
 * Reads one run and gives each of its chunks, verified, in the run's order. Damage to one chunk is that chunk's
 * answer; a failure that may pass is thrown.
 */
export type ReadRun = (run: PackRun, signal?: AbortSignal) => Promise<readonly FetchedChunk[]>;

/** Bounds of a fetcher. Peak memory is about two windows, one cache and the runs in flight. */
export interface FetchPolicy {
  /** Plain bytes that are looked ahead and read in runs. */
  readonly windowBytes: number;
  /** Chunks looked ahead, whatever their size. */
  readonly windowChunks: number;
  /** Plain bytes kept because a later window needs them again. */
  readonly cacheBytes: number;
  readonly runsAtOnce: number;
  readonly run?: RunPolicy;
}

/** Fits into 512 MiB with room for what is being written. */
export const defaultFetchPolicy: FetchPolicy = {
  windowBytes: 48 * 2 ** 20,
  windowChunks: 16_384,
  cacheBytes: 64 * 2 ** 20,
  runsAtOnce: 4,
};

interface Window {
  readonly references: readonly ChunkReference[];
  readonly chunks: ReadonlyMap<string, FetchedChunk>;
}

/** How often each frame is still needed; only frames that are needed more than once have to be in it. */
export type RemainingUses = Map<string, number>;

/**
 * Reads chunks for a consumer that wants them in order, fetching each pack range once and in runs.
 *
 * References are taken a window at a time; within a window they are grouped by pack, so a file whose chunks lie in
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

  /** One answer for every reference, in their order. */
  async *fetch(references: AsyncIterable<ChunkReference>, signal?: AbortSignal): AsyncGenerator<FetchedChunk, void, undefined> {
    let previous: Window = { references: [], chunks: new Map() };
    let next: Promise<Window> | undefined;
    const start = async (window: readonly ChunkReference[], before: Window): Promise<Window> => this.#read(window, before, signal);
    for await (const window of this.#windows(references)) {
      if (next !== undefined) {
        const current = await next;
        next = start(window, current);
        next.catch(() => {});
        yield* this.#consume(current);
        previous = current;
      } else {
        next = start(window, previous);
        next.catch(() => {});
      }
    }
    if (next !== undefined) yield* this.#consume(await next);
  }

  async *#windows(references: AsyncIterable<ChunkReference>): AsyncGenerator<readonly ChunkReference[]> {
    let window: ChunkReference[] = [];
    let bytes = 0;
    for await (const reference of references) {
      window.push(reference);
      bytes += reference.plainBytes;
      if (bytes >= this.#policy.windowBytes || window.length >= this.#policy.windowChunks) {
        yield window;
        window = [];
        bytes = 0;
      }
    }
    if (window.length > 0) yield window;
  }

  async #read(references: readonly ChunkReference[], before: Window, signal?: AbortSignal): Promise<Window> {
    const chunks = new Map<string, FetchedChunk>();
    const missing = references.filter(({ location }) => {
      const key = frameKey(location);
      const known = this.#kept.get(key) ?? before.chunks.get(key);
      if (known !== undefined) chunks.set(key, known);
      return known === undefined;
    });
    await forEachConcurrent(planRuns(missing, this.#policy.run), this.#policy.runsAtOnce, async (run) => {
      const answers = await this.#readRun(run, signal);
      run.chunks.forEach((chunk, index) => chunks.set(frameKey(chunk.location), answers[index] as FetchedChunk));
    });
    return { references, chunks };
  }

  *#consume(window: Window): Generator<FetchedChunk, void, undefined> {
    for (const { location } of window.references) {
      const key = frameKey(location);
      const chunk = window.chunks.get(key) as FetchedChunk;
      this.#countUse(key, chunk);
      yield chunk;
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
