/**
 * Large buffers that are used again: one pool for a worker, which does one piece of work after the other. Buffers made
 * anew for each would lie around by the hundred megabytes until the garbage collector finds them.
 */
export class BufferPool {
  readonly #free: Buffer[] = [];

  /** A buffer with arbitrary contents; the caller's until it is given back. */
  take(bytes: number): Buffer {
    const at = this.#free.findIndex((buffer) => buffer.length === bytes);
    return at < 0 ? Buffer.allocUnsafeSlow(bytes) : (this.#free.splice(at, 1)[0] as Buffer);
  }

  give(buffer: Buffer): void {
    this.#free.push(buffer);
  }
}
