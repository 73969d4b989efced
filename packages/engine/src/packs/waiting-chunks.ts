import type { ChunkId } from '../ids.ts';
import type { BufferPool } from './buffer-pool.ts';

/** Chunks whose place is not known yet, with copies of their bytes in one buffer that is used again and again. */
export class WaitingChunks<Chunk extends { readonly id: ChunkId; readonly plainBytes: number }> {
  readonly #capacity: number;
  readonly #buffers: BufferPool;
  #buffer: Buffer | undefined;
  #chunks: Chunk[] = [];
  #bytes = 0;

  /** @param capacity - most bytes that ever wait; allocated at the first push. */
  constructor(capacity: number, buffers: BufferPool) {
    this.#capacity = capacity;
    this.#buffers = buffers;
  }

  get count(): number {
    return this.#chunks.length;
  }

  /** Plain bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True if so many bytes can wait beside those that do. */
  fits(bytes: number): boolean {
    return this.#bytes + bytes <= this.#capacity;
  }

  /** Copies a chunk's bytes, which must fit. */
  push(chunk: Chunk, plain: Uint8Array): void {
    this.#buffer ??= this.#buffers.take(this.#capacity);
    this.#buffer.set(plain, this.#bytes);
    this.#bytes += plain.length;
    this.#chunks.push(chunk);
  }

  /** Empties the list. The bytes are views, valid until the next push. */
  take(): { readonly chunk: Chunk; readonly plain: Uint8Array }[] {
    let offset = 0;
    const taken = this.#chunks.map((chunk) => {
      const plain = (this.#buffer as Buffer).subarray(offset, offset + chunk.plainBytes);
      offset += chunk.plainBytes;
      return { chunk, plain };
    });
    this.#chunks = [];
    this.#bytes = 0;
    return taken;
  }

  /** Gives the buffer back once nothing waits; views that `take` gave are not valid any more. */
  release(): void {
    if (this.#buffer !== undefined) this.#buffers.give(this.#buffer);
    this.#buffer = undefined;
  }
}
