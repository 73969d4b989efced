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
    const extents: { offset: number; chunks: StoredChunk[] }[] = [];
    let at = offset;
    const take = async (plain: Uint8Array): Promise<void> => {
      const last = extents.at(-1);
      const chunk = await this.#chunks.add(plain);
      if (last === undefined || last.chunks.length === maxExtentChunks || at % extentBoundaryBytes === 0) {
        extents.push({ offset: at, chunks: [chunk] });
      } else {
        last.chunks.push(chunk);
      }
      at += plain.length;
    };
    if (whole !== undefined && (offset % extentBoundaryBytes) + whole.length <= extentBoundaryBytes) {
      for (const plain of this.#chunker.cutWhole(whole)) await take(plain);
      releaseBytes(whole);
      return { bytes: at - offset, extents };
    }
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
    return { bytes: at - offset, extents };
  }

  async #finish(take: (plain: Uint8Array) => Promise<void>): Promise<void> {
    const last = this.#chunker.finish();
    if (last !== undefined) await take(last);
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
