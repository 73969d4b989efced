import { createCipheriv, createHash } from 'node:crypto';
import type { RandomBytes } from '../ports/random-bytes.ts';

/** Random bytes that are the same in every run of a test: the AES-256-CTR key stream of the seed's hash. */
export class SeededRandom implements RandomBytes {
  readonly #stream: ReturnType<typeof createCipheriv>;

  constructor(seed: string | number = 0) {
    const key = createHash('sha256').update(String(seed)).digest();
    this.#stream = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  }

  bytes(count: number): Uint8Array {
    return new Uint8Array(this.#stream.update(new Uint8Array(count)));
  }
}
