import { DiskDamagedError } from '../errors.ts';

/** The kernel's own limit of a value. */
export const mostValueBytes = 65536;
/** Names and values of one node together; far above what Linux lists of one. */
const mostBytes = 16 * 2 ** 20;
/** An attribute takes as much even if it has next to no name or value. */
const leastBytes = 64;

/** Bounds what the attributes of one node can take. */
export class AttributeBudget {
  #left = mostBytes;

  /** @throws {@link DiskDamagedError} the value is too large, or there are too many. */
  take(nameBytes: number, valueBytes: number, what: string): void {
    this.#left -= leastBytes + nameBytes + valueBytes;
    if (valueBytes > mostValueBytes || this.#left < 0)
      throw new DiskDamagedError(`${what} have a value of ${valueBytes} bytes, or too many of them`);
  }
}

/** The name of an attribute with its namespace before it. */
export function prefixedName(prefix: string, name: Uint8Array): Uint8Array {
  const start = new TextEncoder().encode(prefix);
  const whole = new Uint8Array(start.length + name.length);
  whole.set(start);
  whole.set(name, start.length);
  return whole;
}
