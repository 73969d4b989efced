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
export const defaultFetchPolicy: FetchPolicy = {
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
  /** The items' chunks, by the places of the items. */
  readonly chunks: readonly (WantedChunk | undefined)[];
}

/** A chunk that a window needs, of one item or several. */
interface WantedChunk {
  readonly reference: ChunkReference;
  /** Set once its frame was read. */
  taken?: FetchedChunk;
  release?: (() => void) | undefined;
}

/** Chunks of one frame that a window needs. */
class FrameUse {
  /** Chunks that differ. */
  readonly chunks: WantedChunk[] = [];
  /** References, repetitions too. */
  uses = 0;
  readonly #byStart = new Map<number, WantedChunk>();

  /** A reference that says something else of the same place is another chunk, which is verified by itself. */
  add(reference: ChunkReference): WantedChunk {
    this.uses += 1;
    const { id, plainBytes, location } = reference;
    const known = this.#byStart.get(location.start);
    if (known?.reference.id === id && known.reference.plainBytes === plainBytes) return known;
    const chunk: WantedChunk = { reference };
    this.chunks.push(chunk);
    this.#byStart.set(location.start, chunk);
    return chunk;
  }
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

  fetch<Tag>(
    items: AsyncIterable<FetchItem<Tag>>,
    signal?: AbortSignal,
  ): AsyncGenerator<FetchedItem<Tag>, void, undefined> {
    return eachOf(this.fetchPortions(singly(items), signal));
  }

  /** The same, many items at a time: for callers that do little with each. */
  async *fetchPortions<Tag>(
    portions: AsyncIterable<readonly FetchItem<Tag>[]>,
    signal?: AbortSignal,
  ): AsyncGenerator<readonly FetchedItem<Tag>[], void, undefined> {
    let reading: Promise<Window<Tag>> | undefined;
    for await (const window of this.#windows(portions)) {
      const current = await reading;
      reading = this.#read(window, signal);
      // Consuming the present window may end the iteration; then nobody waits for the next one.
      reading.catch(() => {});
      if (current !== undefined) yield fetchedOf(current);
    }
    if (reading !== undefined) yield fetchedOf(await reading);
  }

  async *#windows<Tag>(
    portions: AsyncIterable<readonly FetchItem<Tag>[]>,
  ): AsyncGenerator<readonly FetchItem<Tag>[]> {
    let window: FetchItem<Tag>[] = [];
    let bytes = 0;
    for await (const items of portions) {
      for (const item of items) {
        window.push(item);
        bytes += item.reference?.plainBytes ?? 0;
        if (bytes >= this.#policy.windowBytes || window.length >= this.#policy.windowItems) {
          yield window;
          window = [];
          bytes = 0;
        }
      }
    }
    if (window.length > 0) yield window;
  }

  async #read<Tag>(items: readonly FetchItem<Tag>[], signal?: AbortSignal): Promise<Window<Tag>> {
    const frames = new Map<string, FrameUse>();
    const chunks = items.map(({ reference }) => reference && addUse(frames, reference));
    const missing: ChunkReference[] = [];
    for (const [key, use] of frames) {
      const kept = this.#kept.get(key);
      if (kept === undefined) for (const { reference } of use.chunks) missing.push(reference);
      else this.#take(key, use, kept);
    }
    await forEachConcurrent(planRuns(missing, this.#policy.run), this.#policy.runsAtOnce, async (run) => {
      const answers = await this.#readRun(run, signal);
      run.frames.forEach((frame, index) => {
        const key = frameKey(frame);
        const use = frames.get(key) as FrameUse;
        const answer = answers[index] as ReadFrame;
        if (answer instanceof BackupError) for (const chunk of use.chunks) chunk.taken = answer;
        else this.#take(key, use, new HeldFrame(answer, this.#takeBack));
      });
    });
    return { items, chunks };
  }

  /** Cuts a window's chunks out of a frame, and keeps the frame or not. */
  #take(name: string, { chunks, uses }: FrameUse, frame: HeldFrame): void {
    const { content } = frame;
    let used = 0;
    for (const { reference } of chunks) used += reference.plainBytes;
    frame.usedBytes += used;
    frame.isKept = this.#isNeededAgain(name, uses, content.length - frame.usedBytes);
    if (frame.isKept) this.#kept.set(name, frame, content.length);
    else this.#kept.delete(name);
    // A view holds all of its frame, also after the cache has given it up.
    const isSparse = 2 * used < content.length;
    frame.use(isSparse ? 1 : uses);
    const release = isSparse ? undefined : frame.release;
    for (const chunk of chunks) {
      const cut = cutChunk(this.#keys, content, chunk.reference);
      chunk.taken = isSparse && cut instanceof Uint8Array ? new Uint8Array(cut) : cut;
      chunk.release = release;
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

function addUse(frames: Map<string, FrameUse>, reference: ChunkReference): WantedChunk {
  const key = frameKey(reference.location);
  let use = frames.get(key);
  if (use === undefined) frames.set(key, (use = new FrameUse()));
  return use.add(reference);
}

function fetchedOf<Tag>({ items, chunks }: Window<Tag>): readonly FetchedItem<Tag>[] {
  return items.map(({ tag }, at) => {
    const chunk = chunks[at];
    return chunk === undefined ? { tag } : { tag, chunk: chunk.taken, release: chunk.release };
  });
}

async function* singly<Item>(items: AsyncIterable<Item>): AsyncGenerator<readonly Item[]> {
  for await (const item of items) yield [item];
}

async function* eachOf<Item>(
  portions: AsyncIterable<readonly Item[]>,
): AsyncGenerator<Item, void, undefined> {
  for await (const items of portions) yield* items;
}
