import { equalBytes } from '../bytes.ts';
import { encodeExtent } from '../manifest/extent.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { decodeFileKey } from '../manifest/tuple-key.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import { isSettled, type StoredChunk } from '../packs/chunk-store.ts';
import type { ScratchEntries } from './scratch-entries.ts';

/** Content that is under way: the key of its entry, and the chunks that have been copied so far. */
interface OpenExtent<Chunk> {
  readonly key: Uint8Array;
  readonly chunks: Chunk[];
}

/**
 * Makes the entries of a container of those that it is made of, with new places for the chunks, and hands them on in
 * their order, each once all of its chunks have one. Memory: the extent that is open, and the entries of one segment.
 */
export class CopiedEntries {
  readonly #scratch: ScratchEntries;
  readonly #onPlaced: (chunk: ChunkReference) => void;
  #waiting: (Entry | OpenExtent<StoredChunk>)[] = [];
  #open: OpenExtent<StoredChunk> | undefined;

  /**
   * @param open - the extent that the last call left.
   * @param onPlaced - told of every chunk of an entry that is handed on.
   */
  constructor(
    scratch: ScratchEntries,
    open: { readonly key: Uint8Array; readonly chunks: readonly ChunkReference[] } | undefined,
    onPlaced: (chunk: ChunkReference) => void,
  ) {
    this.#scratch = scratch;
    this.#onPlaced = onPlaced;
    if (open !== undefined && open.chunks.length > 0)
      this.#open = { key: open.key, chunks: [...open.chunks] };
  }

  /** Chunks of the extent that has begun; all of them when everything is settled. */
  get openChunks(): readonly ChunkReference[] {
    return (this.#open?.chunks ?? []).filter(isSettled);
  }

  /** Takes an entry without content. */
  async add(entry: Entry): Promise<void> {
    await this.endExtent();
    this.#waiting.push(entry);
    if (this.#waiting.length === 1) await this.settle();
  }

  /** Takes the next chunk of the extent with a key. */
  async addChunk(key: Uint8Array, chunk: StoredChunk): Promise<void> {
    if (this.#open === undefined || !equalBytes(this.#open.key, key)) {
      await this.endExtent();
      this.#open = { key, chunks: [] };
    }
    this.#open.chunks.push(chunk);
  }

  async endExtent(): Promise<void> {
    if (this.#open === undefined) return;
    this.#waiting.push(this.#open);
    this.#open = undefined;
    await this.settle();
  }

  /** Hands on as many entries as can be. */
  async settle(): Promise<void> {
    let done = 0;
    for (const entry of this.#waiting) {
      if ('logical' in entry) {
        await this.#scratch.add(entry);
      } else {
        const { path, offset = 0 } = decodeFileKey(entry.key, 'a consolidation');
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
