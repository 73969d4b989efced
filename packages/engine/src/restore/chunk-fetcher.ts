import { BackupError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { forEachConcurrent } from '../map-concurrent.ts';
import { BoundedCache } from '../packs/bounded-cache.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import { cutChunk } from '../packs/cut-chunk.ts';
import type { ReadFrame } from '../packs/pack-reader.ts';
import { frameKey, planRuns, type PackRun, type RunPolicy } from './plan-runs.ts';

/** A chunk's verified plain bytes, or why they cannot be had. */
type FetchedChunk = Uint8Array | BackupError;

/**
 * Reads one run and gives the content of each of its frames, in the run's order. Damage to one frame is that frame's
 * answer; a failure that may pass is thrown.
 */
export type ReadRun = (run: PackRun, signal?: AbortSignal) => Promise<readonly ReadFrame[]>;

/** Bounds of a fetcher. Peak memory is about four windows (a chunk may hold twice its size), one cache and the runs in flight. */
export interface FetchPolicy {
  /** Plain bytes that are looked ahead and read in runs. */
  readonly windowBytes: number;
  /** Items looked ahead, whatever their size. */
  readonly windowItems: number;
  /** Content of frames that a later window needs again. Bytes. */
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
  /**
   * To be called when the chunk's bytes are not needed any more: when those of a frame are not, it gives their memory back.
   * Who does not call it leaves that to the garbage collector.
   */
  readonly release?: () => void;
}

/** Uses left of each frame; only frames that are needed more than once have to be in it. */
export type RemainingUses = Map<string, number>;

type TakeBack = (content: Uint8Array) => void;

export interface ChunkFetcherOptions {
  readonly readRun: ReadRun;
  readonly keys: Pick<VaultKeys, 'chunkId'>;
  /** @default not known: a shared frame is kept as long as some of its chunks have not been asked for */
  readonly remaining?: RemainingUses | undefined;
  readonly policy?: FetchPolicy | undefined;
  /**
   * Takes back the content of a frame that `readRun` gave, once nobody needs it: not if `readRun` remembers frames.
   * @default it is left to the garbage collector
   */
  readonly takeBack?: TakeBack | undefined;
}

interface Window<Tag> {
  readonly items: readonly FetchItem<Tag>[];
  /** Keys of the items' chunks, by the places of the items. */
  readonly keys: readonly (string | undefined)[];
  readonly chunks: ReadonlyMap<string, TakenChunk>;
}

interface TakenChunk {
  readonly chunk: FetchedChunk;
  readonly release: (() => void) | undefined;
}

/** References of a window to one frame, each of those that differ once. */
interface FrameUse {
  readonly chunks: Map<string, ChunkReference>;
  /** References, repetitions too. */
  uses: number;
}

/** A frame's content, which several windows may need. */
class HeldFrame {
  readonly content: Uint8Array;
  /** Plain bytes of it that were handed out. */
  usedBytes = 0;
  /** True while later windows need it, also when the cache has given it up. */
  isKept = false;
  readonly #takeBack: TakeBack;
  #inUse = 0;

  constructor(content: Uint8Array, takeBack: TakeBack = () => {}) {
    this.content = content;
    this.#takeBack = takeBack;
  }

  /** @param uses - calls of `release` that will follow. */
  use(uses: number): void {
    this.#inUse += uses;
  }

  readonly release = (): void => {
    this.#inUse -= 1;
    if (this.#inUse === 0 && !this.isKept) this.#takeBack(this.content);
  };
}

/**
 * Reads chunks for a consumer that wants them in order, fetching and decoding each frame once, in runs.
 *
 * Items are taken a window at a time; within a window their frames are grouped by pack, so a file whose chunks lie in
 * many packs costs few requests. The next window is read while the present one is consumed. A frame that is needed
 * again in a later window is kept; when the cache is full the frame that was not needed longest is given up and read
 * again.
 */
export class ChunkFetcher {
  readonly #readRun: ReadRun;
  readonly #keys: Pick<VaultKeys, 'chunkId'>;
  readonly #policy: FetchPolicy;
  readonly #remaining: RemainingUses | undefined;
  readonly #takeBack: TakeBack | undefined;
  readonly #kept: BoundedCache<string, HeldFrame>;

  constructor({ readRun, keys, remaining, policy = defaultFetchPolicy, takeBack }: ChunkFetcherOptions) {
    this.#readRun = readRun;
    this.#keys = keys;
    this.#policy = policy;
    this.#remaining = remaining;
    this.#takeBack = takeBack;
    this.#kept = new BoundedCache(policy.cacheBytes);
  }

  async *fetch<Tag>(
    items: AsyncIterable<FetchItem<Tag>>,
    signal?: AbortSignal,
  ): AsyncGenerator<FetchedItem<Tag>, void, undefined> {
    let reading: Promise<Window<Tag>> | undefined;
    for await (const window of this.#windows(items)) {
      const current = await reading;
      reading = this.#read(window, signal);
      // Consuming the present window may end the iteration; then nobody waits for the next one.
      reading.catch(() => {});
      if (current !== undefined) yield* consume(current);
    }
    if (reading !== undefined) yield* consume(await reading);
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

  async #read<Tag>(items: readonly FetchItem<Tag>[], signal?: AbortSignal): Promise<Window<Tag>> {
    const chunks = new Map<string, TakenChunk>();
    const keys = items.map(({ reference }) => reference && chunkKey(reference));
    const frames = usesByFrame(items, keys);
    const missing: ChunkReference[] = [];
    for (const [key, use] of frames) {
      const kept = this.#kept.get(key);
      if (kept === undefined) for (const chunk of use.chunks.values()) missing.push(chunk);
      else this.#take(key, use, kept, chunks);
    }
    await forEachConcurrent(planRuns(missing, this.#policy.run), this.#policy.runsAtOnce, async (run) => {
      const answers = await this.#readRun(run, signal);
      run.frames.forEach((frame, index) => {
        const key = frameKey(frame);
        const use = frames.get(key) as FrameUse;
        const answer = answers[index] as ReadFrame;
        if (answer instanceof BackupError)
          for (const chunk of use.chunks.keys()) chunks.set(chunk, { chunk: answer, release: undefined });
        else this.#take(key, use, new HeldFrame(answer, this.#takeBack), chunks);
      });
    });
    return { items, keys, chunks };
  }

  /** Cuts a window's chunks out of a frame, and keeps the frame or not. */
  #take(name: string, { chunks, uses }: FrameUse, frame: HeldFrame, taken: Map<string, TakenChunk>): void {
    const { content } = frame;
    let used = 0;
    for (const { plainBytes } of chunks.values()) used += plainBytes;
    frame.usedBytes += used;
    frame.isKept = this.#isNeededAgain(name, uses, content.length - frame.usedBytes);
    if (frame.isKept) this.#kept.set(name, frame, content.length);
    else this.#kept.delete(name);
    // A view holds all of its frame, also after the cache has given it up.
    const isSparse = 2 * used < content.length;
    frame.use(isSparse ? 1 : uses);
    const release = isSparse ? undefined : frame.release;
    for (const [key, reference] of chunks) {
      const cut = cutChunk(this.#keys, content, reference);
      const chunk = isSparse && cut instanceof Uint8Array ? new Uint8Array(cut) : cut;
      taken.set(key, { chunk, release });
    }
    if (isSparse) frame.release();
  }

  #isNeededAgain(frame: string, uses: number, unusedBytes: number): boolean {
    if (this.#remaining === undefined) return unusedBytes > 0;
    const left = (this.#remaining.get(frame) ?? 0) - uses;
    if (left > 0) this.#remaining.set(frame, left);
    else this.#remaining.delete(frame);
    return left > 0;
  }
}

function usesByFrame(
  items: readonly FetchItem<unknown>[],
  keys: Window<unknown>['keys'],
): Map<string, FrameUse> {
  const frames = new Map<string, FrameUse>();
  for (const [at, { reference }] of items.entries()) {
    const chunk = keys[at];
    if (reference === undefined || chunk === undefined) continue;
    const key = frameKey(reference.location);
    let use = frames.get(key);
    if (use === undefined) frames.set(key, (use = { chunks: new Map(), uses: 0 }));
    use.uses += 1;
    use.chunks.set(chunk, reference);
  }
  return frames;
}

/** Key of a reference: what was verified for one is no answer to another that says something else of the same place. */
function chunkKey({ id, plainBytes, location }: ChunkReference): string {
  return `${frameKey(location)}:${location.start}:${plainBytes}:${id}`;
}

function* consume<Tag>({ items, keys, chunks }: Window<Tag>): Generator<FetchedItem<Tag>, void, undefined> {
  for (const [at, { tag }] of items.entries()) {
    const key = keys[at];
    yield key === undefined ? { tag } : { tag, ...chunks.get(key) };
  }
}
