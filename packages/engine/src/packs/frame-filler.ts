/** Small chunks share a frame of at most so many bytes: large enough for compression to find what they have in common. */
const sharedFrameBytes = 512 * 1024;
/** A chunk from this size on has a frame of its own: it gains next to nothing from sharing one. */
const ownFrameFromBytes = sharedFrameBytes / 2;
/** Chunks of one frame, so that its entry in a directory stays below 150 kB. */
const maxChunksPerFrame = 4_096;

/** Content of one frame, and the chunks in it, in their order. */
export interface FilledFrame<Chunk> {
  readonly chunks: readonly Chunk[];
  readonly plain: Uint8Array;
}

/**
 * Gathers chunks into frames: consecutive small ones together, a large one by itself. Dozens of small files compressed
 * at once take half the time that they take one by one, and a quarter less room.
 * Memory: two shared frames.
 */
export class FrameFiller<Chunk> {
  #buffer: Buffer | undefined;
  /** The buffer of the frame before, whose bytes may still be in use. */
  #spare: Buffer | undefined;
  #chunks: Chunk[] = [];
  #bytes = 0;

  /** True if a chunk of that size shares a frame with others. */
  static shares(plainBytes: number): boolean {
    return plainBytes < ownFrameFromBytes;
  }

  /** Takes a chunk, with a copy of its bytes. @returns the frame that is complete now; valid until the next one is. */
  add(chunk: Chunk, plain: Uint8Array): FilledFrame<Chunk> | undefined {
    if (!FrameFiller.shares(plain.length)) return { chunks: [chunk], plain };
    const fits = this.#bytes + plain.length <= sharedFrameBytes && this.#chunks.length < maxChunksPerFrame;
    const complete = fits ? undefined : this.end();
    this.#buffer ??= Buffer.allocUnsafeSlow(sharedFrameBytes);
    this.#buffer.set(plain, this.#bytes);
    this.#bytes += plain.length;
    this.#chunks.push(chunk);
    return complete;
  }

  /** The frame that has begun, if there is one; valid until the next one is complete. */
  end(): FilledFrame<Chunk> | undefined {
    if (this.#buffer === undefined || this.#chunks.length === 0) return undefined;
    const complete = { chunks: this.#chunks, plain: this.#buffer.subarray(0, this.#bytes) };
    [this.#buffer, this.#spare] = [this.#spare, this.#buffer];
    this.#chunks = [];
    this.#bytes = 0;
    return complete;
  }
}
