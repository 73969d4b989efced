import type { CutRule } from './cut-rule.ts';

/** Bytes that are copied before they are known to belong to the chunk: bounds what is copied twice. */
const stepBytes = 64 * 1024;

/**
 * Cuts a stream of pieces into chunks. One chunker serves any number of contents one after the other, and owns one
 * buffer of the rule's longest chunk, which it allocates when a chunk first crosses from one piece into the next.
 *
 * Buffers: a chunk is a view, either of the piece that was pushed or of the chunker's own buffer. It is valid until
 * the generator is resumed, so whoever wants to keep it copies it. A piece may be reused by the caller as soon as
 * the generator that took it has ended.
 */
export class Chunker {
  readonly #rule: CutRule;
  #buffer: Uint8Array | undefined;
  /** Bytes of the open chunk in the buffer; every length up to it has been tested. */
  #held = 0;

  constructor(rule: CutRule) {
    this.#rule = rule;
  }

  /** Takes the next piece and yields the chunks that end in it. Run it to its end before pushing again. */
  *push(piece: Uint8Array): Generator<Uint8Array, void, undefined> {
    let start = 0;
    while (start < piece.length) {
      if (this.#held === 0) {
        const length = this.#rule.findCut(piece, start, piece.length, 0);
        if (length === 0) {
          this.#hold(piece.subarray(start));
          return;
        }
        yield piece.subarray(start, start + length);
        start += length;
      } else {
        const before = this.#held;
        const step = Math.min(piece.length - start, this.#rule.maxBytes - before, stepBytes);
        const buffer = this.#hold(piece.subarray(start, start + step));
        const length = this.#rule.findCut(buffer, 0, this.#held, before);
        start += length === 0 ? step : length - before;
        if (length > 0) {
          this.#held = 0;
          yield buffer.subarray(0, length);
        }
      }
    }
  }

  /** All chunks of a content that is wholly in memory, as views of it; between other contents. */
  *cutWhole(content: Uint8Array): Generator<Uint8Array, void, undefined> {
    for (let start = 0; start < content.length;) {
      const length = this.#rule.findCut(content, start, content.length, 0) || content.length - start;
      yield content.subarray(start, start + length);
      start += length;
    }
  }

  /** Ends the content: its last chunk, if any bytes are left. The chunker is ready for the next content. */
  finish(): Uint8Array | undefined {
    if (this.#held === 0) return undefined;
    const last = this.#buffer?.subarray(0, this.#held);
    this.#held = 0;
    return last;
  }

  #hold(bytes: Uint8Array): Uint8Array {
    this.#buffer ??= Buffer.allocUnsafeSlow(this.#rule.maxBytes);
    this.#buffer.set(bytes, this.#held);
    this.#held += bytes.length;
    return this.#buffer;
  }
}
