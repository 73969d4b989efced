import { setImmediate } from 'node:timers/promises';
import { newId } from '../bytes.ts';
import { InvalidInputError } from '../errors.ts';
import type { ChunkId, PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { ChunkIndex } from '../ports/chunk-index.ts';
import { BufferPool } from './buffer-pool.ts';
import { ChunkPlaces, type PackLeases } from './chunk-places.ts';
import type { ChunkLocation, ChunkReference } from './chunk-location.ts';
import type { CompressionPolicy } from './frame-codec.ts';
import { FrameFiller, type FilledFrame } from './frame-filler.ts';
import { frameOverheadBytes, maxPlainBytes } from './frame.ts';
import { PackBuilder, maxEndBytes } from './pack-builder.ts';
import { listChunks } from './pack-directory.ts';
import { headerBytes } from './pack-layout.ts';
import { SerialQueue } from './serial-queue.ts';
import { storePack, type PackStoring, type StoredPack } from './store-pack.ts';
import { WaitingChunks } from './waiting-chunks.ts';

/** A chunk handed to a {@link ChunkStore}. One object stands for all uses of a chunk while the store remembers it. */
export interface StoredChunk {
  readonly id: ChunkId;
  readonly plainBytes: number;
  /** `undefined` until the chunk lies there for good; `flush` settles all. */
  readonly location: ChunkLocation | undefined;
}

/** True once a chunk has its place. */
export function isSettled(chunk: StoredChunk): chunk is StoredChunk & ChunkReference {
  return chunk.location !== undefined;
}

/** Sizes of a chunk store. It takes about two packs, `lookupBytes` and a MiB of memory, and the largest chunk twice. */
export interface ChunkStorePolicy {
  readonly packTargetBytes: number;
  /** Chunks that wait for one question to the index, at most 1,000. */
  readonly lookupChunks: number;
  /** Plain bytes that wait for one question to the index. A chunk that has more is asked about alone. */
  readonly lookupBytes: number;
  /** Remembered chunks, so that a repetition is found without asking the index. About 300 bytes each. */
  readonly rememberedChunks: number;
}

/** Fits into a worker with 512 MiB beside everything else. */
const defaultChunkStorePolicy: ChunkStorePolicy = {
  packTargetBytes: 32 * 1024 * 1024,
  lookupChunks: 128,
  lookupBytes: 16 * 1024 * 1024,
  rememberedChunks: 65_536,
};

export interface ChunkStoreOptions extends PackStoring {
  readonly vault: VaultKeys;
  readonly chunkIndex: ChunkIndex;
  readonly leases: PackLeases;
  /** False stores every chunk anew and shares no pack with earlier points. @default true */
  readonly sharePacks?: boolean;
  /** Called for every pack once it is live, after its chunks have their locations. Must not throw. */
  readonly onPackStored?: (pack: StoredPack) => void;
  readonly compression?: CompressionPolicy;
  readonly policy?: ChunkStorePolicy;
  /** @default a pool of this store's own */
  readonly buffers?: BufferPool;
}

/** Totals so far. */
export interface ChunkStoreCounts {
  /** Chunks handed in, including repetitions. */
  readonly chunks: number;
  readonly plainBytes: number;
  readonly newChunks: number;
  /** Plain bytes of the new chunks. */
  readonly newBytes: number;
  /** Bytes of the packs stored so far. */
  readonly storedBytes: number;
}

/**
 * New plain bytes after which the event loop gets its turn. Encoding never waits for anything, so without turns an
 * upload would take its next step only when the next pack is full; this many bytes take some milliseconds.
 */
const turnBytes = 512 * 1024;

interface Chunk extends StoredChunk {
  location: ChunkLocation | undefined;
}

interface OpenPack {
  readonly builder: PackBuilder;
  /** In the order of the pack's frames, and of their contents. */
  readonly chunks: Chunk[];
}

/**
 * Puts each chunk into the vault once: a chunk that the run has stored already, or that the index finds in a pack that
 * can be leased, is only referred to. New chunks fill packs in the order in which they are added, so a restore reads
 * long runs; one pack uploads while the next is filled.
 *
 * After a failure every further call fails with the same error: the worker is run again as a whole.
 */
export class ChunkStore {
  readonly #options: ChunkStoreOptions;
  readonly #policy: ChunkStorePolicy;
  readonly #queue = new SerialQueue();
  readonly #remembered = new Map<ChunkId, Chunk>();
  readonly #waiting: WaitingChunks<Chunk>;
  readonly #places: ChunkPlaces;
  readonly #buffers: BufferPool;
  readonly #filler = new FrameFiller<Chunk>();
  #open: OpenPack | undefined;
  #upload: Promise<void> = Promise.resolve();
  #bytesThisTurn = 0;
  #failure: { readonly error: unknown } | undefined;
  #counts = { chunks: 0, plainBytes: 0, newChunks: 0, newBytes: 0, storedBytes: 0 };

  constructor(options: ChunkStoreOptions) {
    this.#options = options;
    this.#policy = options.policy ?? defaultChunkStorePolicy;
    const { packTargetBytes, lookupBytes } = this.#policy;
    if (packTargetBytes < headerBytes + frameOverheadBytes + maxPlainBytes.chunk + maxEndBytes(1)) {
      throw new InvalidInputError(
        `packTargetBytes ${packTargetBytes} has no room for the largest chunk; use 9 MiB or more`,
      );
    }
    this.#buffers = options.buffers ?? new BufferPool();
    this.#places = new ChunkPlaces(options);
    this.#waiting = new WaitingChunks(lookupBytes, this.#buffers);
  }

  get counts(): ChunkStoreCounts {
    return { ...this.#counts };
  }

  /**
   * Takes a chunk of 1 byte to 8 MiB. `plain` must stay as it is until the promise settles, and is the caller's again
   * then; the promise is the back-pressure. Calls may overlap and are served in their order. Returns a plain value where
   * nothing had to be waited for, which is most of the time.
   * @param id - the chunk's id. @default it is hashed
   */
  add(plain: Uint8Array, id?: ChunkId): StoredChunk | Promise<StoredChunk> {
    return this.#queue.run(() => this.#guard(() => this.#add(plain, id)));
  }

  /**
   * Stores everything that was added, and gives the buffers back. It ends the pack that is being filled, so it is for
   * the end of a worker's work.
   */
  async flush(): Promise<void> {
    return this.#queue.run(async () =>
      this.#guard(async () => {
        await this.#settleWaiting();
        this.#waiting.release();
        await this.#appendFrame(this.#filler.end());
        await this.#ship();
        await this.#upload;
      }),
    );
  }

  /** Flushes, and refuses every further chunk. */
  async end(): Promise<void> {
    await this.flush();
    this.#failure = { error: new InvalidInputError('the chunk store has ended; make a new one') };
  }

  /** Fails by its promise alone, also where the work fails at once. */
  #guard<Result>(work: () => Result | Promise<Result>): Result | Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    const fail = (error: unknown): never => {
      this.#failure ??= { error };
      throw error;
    };
    try {
      const result = work();
      return result instanceof Promise ? result.catch(fail) : result;
    } catch (error) {
      this.#failure ??= { error };
      return Promise.reject(error);
    }
  }

  #add(
    plain: Uint8Array,
    id: ChunkId = this.#options.vault.chunkId(plain),
  ): StoredChunk | Promise<StoredChunk> {
    if (plain.length === 0 || plain.length > maxPlainBytes.chunk) {
      throw new InvalidInputError(
        `a chunk of ${plain.length} bytes; it must have 1 to ${maxPlainBytes.chunk}`,
      );
    }
    const { sharePacks = true } = this.#options;
    this.#counts.chunks++;
    this.#counts.plainBytes += plain.length;
    const known = this.#remembered.get(id);
    if (known !== undefined) return known;
    const chunk: Chunk = { id, plainBytes: plain.length, location: undefined };
    this.#remember(chunk);
    if (!sharePacks) return this.#append(chunk, plain).then(() => chunk);
    return this.#waiting.fits(plain.length) ? this.#wait(chunk, plain) : this.#waitAfterOthers(chunk, plain);
  }

  async #waitAfterOthers(chunk: Chunk, plain: Uint8Array): Promise<Chunk> {
    await this.#settleWaiting();
    if (this.#waiting.fits(plain.length)) return this.#wait(chunk, plain);
    await this.#settle([{ chunk, plain }]);
    return chunk;
  }

  #wait(chunk: Chunk, plain: Uint8Array): Chunk | Promise<Chunk> {
    this.#waiting.push(chunk, plain);
    const { lookupChunks, lookupBytes } = this.#policy;
    const isFull = this.#waiting.count >= lookupChunks || this.#waiting.bytes >= lookupBytes;
    return isFull ? this.#settleWaiting().then(() => chunk) : chunk;
  }

  /** Looks for the waiting chunks in packs that can be leased, and stores the others. */
  async #settleWaiting(): Promise<void> {
    if (this.#waiting.count > 0) await this.#settle(this.#waiting.take());
  }

  async #settle(chunks: readonly { readonly chunk: Chunk; readonly plain: Uint8Array }[]): Promise<void> {
    const places = await this.#places.find(chunks.map(({ chunk }) => chunk));
    for (const { chunk, plain } of chunks) {
      chunk.location = places.get(chunk.id);
      if (chunk.location === undefined) await this.#append(chunk, plain);
    }
  }

  async #append(chunk: Chunk, plain: Uint8Array): Promise<void> {
    this.#counts.newChunks++;
    this.#counts.newBytes += plain.length;
    await this.#appendFrame(this.#filler.add(chunk, plain));
  }

  async #appendFrame(filled: FilledFrame<Chunk> | undefined): Promise<void> {
    if (filled === undefined) return;
    const { chunks, plain } = filled;
    if (this.#open?.builder.fits(chunks) !== true) await this.#ship();
    this.#open ??= await this.#newPack();
    this.#open.builder.append('chunk', chunks, plain);
    for (const chunk of chunks) this.#open.chunks.push(chunk);
    this.#bytesThisTurn += plain.length;
    if (this.#bytesThisTurn < turnBytes) return;
    this.#bytesThisTurn = 0;
    await setImmediate();
  }

  async #newPack(): Promise<OpenPack> {
    const { vault, random, compression } = this.#options;
    const builder = new PackBuilder({
      kind: 'chunks',
      vault,
      dataKey: await vault.currentDataKey(),
      packId: newId<PackId>(random),
      slab: this.#buffers.take(this.#policy.packTargetBytes),
      compression,
    });
    return { builder, chunks: [] };
  }

  /** Starts to upload the pack that was being filled, once the one before it is done. */
  async #ship(): Promise<void> {
    const pack = this.#open;
    if (pack === undefined) return;
    this.#open = undefined;
    pack.builder.seal();
    await this.#upload;
    this.#upload = this.#store(pack);
    // Whoever calls next gets the failure; until then nobody is listening.
    this.#upload.catch(() => {});
  }

  async #store({ builder, chunks }: OpenPack): Promise<void> {
    const stored = await storePack(builder, this.#options);
    let next = 0;
    for (const { location } of listChunks(stored.packId, builder.frames))
      (chunks[next++] as Chunk).location = location;
    this.#counts.storedBytes += stored.bytes;
    this.#buffers.give(builder.slab);
    this.#options.onPackStored?.(stored);
  }

  /** Forgets the chunks remembered longest. One that is still on its way cannot be found elsewhere, so it stays. */
  #remember(chunk: Chunk): void {
    this.#remembered.set(chunk.id, chunk);
    for (const [id, oldest] of this.#remembered) {
      if (this.#remembered.size <= this.#policy.rememberedChunks || oldest.location === undefined) break;
      this.#remembered.delete(id);
    }
  }
}
