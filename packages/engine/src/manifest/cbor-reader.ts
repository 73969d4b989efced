/** A map of texts that was read, which nobody changes, and its bytes. */
interface KnownTexts {
  readonly bytes: Uint8Array;
  readonly record: Readonly<Record<string, string>>;
}

/** Maps that were read last: thousands of files share the same few. */
const knownTexts: KnownTexts[] = [];
const knownMost = 4;
/** Longest map that is remembered. Bytes. */
const knownBytesMost = 256;

/**
 * Reads what `CborWriter` wrote, and believes the bytes: other bytes give wrong values, but end. Whoever uses it
 * encodes the values again and compares, which finds everything that a strict decoder would; that takes a third of a
 * general decoder's time.
 */
export class CborReader {
  readonly #buffer: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Keys of a map that begins here; never more than there are bytes left. */
  map(): number {
    return Math.min(this.#argument(), this.#buffer.length - this.#position);
  }

  text(): string {
    const length = this.#argument();
    const start = this.#position;
    this.#position = Math.min(start + length, this.#buffer.length);
    const first = this.#buffer[start] as number;
    // Names of fields: a call out of JavaScript costs ten times as much.
    if (length === 1 && first < 0x80) return String.fromCharCode(first);
    return this.#buffer.toString('utf8', start, this.#position);
  }

  /** An integer or a 64-bit float. */
  number(): number {
    const first = this.#buffer[this.#position] ?? 0;
    if (first === 0xfb) return this.#float();
    const value = this.#argument();
    return first >= 0x20 ? -1 - value : value;
  }

  /** Passes the next value and tells if it is `true`. */
  true(): boolean {
    return this.#buffer[this.#position++] === 0xf5;
  }

  texts(): Readonly<Record<string, string>> {
    const start = this.#position;
    const known = knownTexts.find(({ bytes }) => this.#continuesWith(bytes));
    if (known !== undefined) {
      this.#position += known.bytes.length;
      return known.record;
    }
    const record: Record<string, string> = {};
    for (let left = this.map(); left > 0; left--) {
      const name = this.text();
      record[name] = this.text();
    }
    const isWhole = this.#position < this.#buffer.length;
    if (isWhole && this.#position - start <= knownBytesMost) {
      Object.freeze(record);
      knownTexts.unshift({ bytes: new Uint8Array(this.#buffer.subarray(start, this.#position)), record });
      knownTexts.splice(knownMost);
    }
    return record;
  }

  /** No map is the beginning of another one, if neither ends for want of bytes. */
  #continuesWith(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; at++)
      if (this.#buffer[this.#position + at] !== bytes[at]) return false;
    return true;
  }

  #float(): number {
    const at = this.#position + 1;
    this.#position += 9;
    return this.#position <= this.#buffer.length ? this.#buffer.readDoubleBE(at) : NaN;
  }

  /** The number in a value's first bytes. */
  #argument(): number {
    const short = (this.#buffer[this.#position++] ?? 0) & 0x1f;
    if (short < 24) return short;
    let value = 0;
    for (let left = 1 << (short - 24); left > 0; left--)
      value = value * 256 + (this.#buffer[this.#position++] ?? 0);
    return value;
  }
}
