import { Chunker } from '../chunking/chunker.ts';
import type { CutRule } from '../chunking/cut-rule.ts';
import { encodeExtent, extentBoundaryBytes, maxExtentChunks } from '../manifest/extent.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { isSettled, type ChunkStore, type StoredChunk } from '../packs/chunk-store.ts';
import { releaseBytes } from '../packs/release-bytes.ts';
import type { OpenedEntry } from '../ports/file-source.ts';

/** Content that was handed to the vault; its entries can be made once all of its chunks lie there for good. */
export interface WrittenContent {
  readonly bytes: number;
  readonly extents: readonly { readonly offset: number; readonly chunks: readonly StoredChunk[] }[];
}

/** Cuts contents into chunks, stores them, and gathers them into extents. */
export class ContentWriter {
  readonly #chunks: ChunkStore;
  readonly #chunker: Chunker;

  constructor(chunks: ChunkStore, rule: CutRule) {
    this.#chunks = chunks;
    this.#chunker = new Chunker(rule);
  }

  /**
   * Stores a content, or the stretch of it that begins at `offset`, which does not cross a multiple of 1 GiB unless it
   * begins the content. Memory: one chunk, and a record for every chunk.
   */
  async write(
    { content, whole }: Pick<OpenedEntry, 'content' | 'whole'>,
    offset: number,
  ): Promise<WrittenContent> {
    const written = new Extents(offset);
    if (whole !== undefined && (offset % extentBoundaryBytes) + whole.length <= extentBoundaryBytes)
      return this.#writeWhole(whole, written);
    const take = async (plain: Uint8Array): Promise<void> =>
      written.push(await this.#chunks.add(plain), plain.length);
    let ended = false;
    try {
      let read = offset;
      for await (const piece of content) {
        for (let start = 0; start < piece.length;) {
          const room = extentBoundaryBytes - (read % extentBoundaryBytes);
          const part = piece.subarray(start, start + room);
          for (const plain of this.#chunker.push(part)) await take(plain);
          start += part.length;
          read += part.length;
          if (read % extentBoundaryBytes === 0) await this.#finish(take);
        }
      }
      await this.#finish(take);
      ended = true;
    } finally {
      // The rest of a failed content in the chunker must not become the head of the next one.
      if (!ended) this.#chunker.finish();
    }
    return written;
  }

  async #writeWhole(whole: Uint8Array, written: Extents): Promise<WrittenContent> {
    for (const plain of this.#chunker.cutWhole(whole)) {
      const added = this.#chunks.add(plain);
      // Small files are many, and a promise takes longer than what there is to do.
      written.push(added instanceof Promise ? await added : added, plain.length);
    }
    releaseBytes(whole);
    return written;
  }

  async #finish(take: (plain: Uint8Array) => Promise<void>): Promise<void> {
    const last = this.#chunker.finish();
    if (last !== undefined) await take(last);
  }
}

/** Extents of a content whose chunks come one after the other. */
class Extents implements WrittenContent {
  readonly extents: { readonly offset: number; readonly chunks: StoredChunk[] }[] = [];
  bytes = 0;
  readonly #offset: number;

  constructor(offset: number) {
    this.#offset = offset;
  }

  push(chunk: StoredChunk, plainBytes: number): void {
    const at = this.#offset + this.bytes;
    const last = this.extents.at(-1);
    if (last === undefined || last.chunks.length === maxExtentChunks || at % extentBoundaryBytes === 0)
      this.extents.push({ offset: at, chunks: [chunk] });
    else last.chunks.push(chunk);
    this.bytes += plainBytes;
  }
}

export function isContentSettled({ extents }: Pick<WrittenContent, 'extents'>): boolean {
  return extents.every(({ chunks }) => chunks.every(isSettled));
}

export function entriesOf(path: Uint8Array, { extents }: Pick<WrittenContent, 'extents'>): Entry[] {
  return extents.map(({ offset, chunks }) =>
    encodeExtent({ path, offset, chunks: chunks.filter(isSettled) }),
  );
}
