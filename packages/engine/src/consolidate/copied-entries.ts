import {
  encodeExtent,
  extentBoundaryBytes,
  extentBytes,
  maxExtentChunks,
  type Extent,
} from '../manifest/extent.ts';
import { encodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import type { Entry } from '../manifest/page-codec.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import { isSettled, type StoredChunk } from '../packs/chunk-store.ts';
import type { ScratchEntries } from './scratch-entries.ts';

type WaitingExtent = Omit<Extent, 'chunks'> & { readonly chunks: readonly StoredChunk[] };

/**
 * Makes entries of copied files: gathers chunks into extents, and hands everything on in its order, each once all of its
 * chunks have a place. Memory: the extent that is open, and the entries of one segment.
 */
export class CopiedEntries {
  readonly #scratch: ScratchEntries;
  readonly #onPlaced: (chunk: ChunkReference) => void;
  #waiting: (Entry | WaitingExtent)[] = [];
  #path: Uint8Array | undefined;
  #offset: number;
  #chunks: StoredChunk[];
  #bytes: number;

  /**
   * @param open - the extent that the last call left.
   * @param onPlaced - told of every chunk of an entry that is handed on.
   */
  constructor(
    scratch: ScratchEntries,
    open: Pick<Extent, 'offset' | 'chunks'> | undefined,
    onPlaced: (chunk: ChunkReference) => void,
  ) {
    this.#scratch = scratch;
    this.#onPlaced = onPlaced;
    this.#offset = open?.offset ?? 0;
    this.#chunks = [...(open?.chunks ?? [])];
    this.#bytes = extentBytes(this.#chunks);
  }

  /** The extent that has begun; settled when everything is. */
  get open(): Pick<Extent, 'offset' | 'chunks'> {
    return { offset: this.#offset, chunks: this.#chunks.filter(isSettled) };
  }

  async beginFile(file: FileEntry): Promise<void> {
    await this.endExtent();
    this.#path = file.entry.path;
    this.#offset = 0;
    this.#waiting.push(encodeFileEntry(file));
    if (this.#waiting.length === 1) await this.settle();
  }

  async addChunk(path: Uint8Array, chunk: StoredChunk): Promise<void> {
    this.#path = path;
    const isAtBoundary = this.#bytes > 0 && (this.#offset + this.#bytes) % extentBoundaryBytes === 0;
    if (this.#chunks.length === maxExtentChunks || isAtBoundary) await this.endExtent();
    this.#chunks.push(chunk);
    this.#bytes += chunk.plainBytes;
  }

  async endExtent(): Promise<void> {
    if (this.#path === undefined || this.#chunks.length === 0) return;
    this.#waiting.push({ path: this.#path, offset: this.#offset, chunks: this.#chunks });
    this.#offset += this.#bytes;
    this.#chunks = [];
    this.#bytes = 0;
    await this.settle();
  }

  /** Hands on as many entries as can be. */
  async settle(): Promise<void> {
    let done = 0;
    for (const entry of this.#waiting) {
      if ('key' in entry) {
        await this.#scratch.add(entry);
      } else {
        const { path, offset } = entry;
        const chunks = entry.chunks.filter(isSettled);
        if (chunks.length < entry.chunks.length) break;
        chunks.forEach(this.#onPlaced);
        await this.#scratch.add(encodeExtent({ path, offset, chunks }));
      }
      done += 1;
    }
    this.#waiting = this.#waiting.slice(done);
  }
}
