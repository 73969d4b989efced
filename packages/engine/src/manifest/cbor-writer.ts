import { encode, rfc8949EncodeOptions } from 'cborg';
import { utf8 } from '../bytes.ts';
import { withRoom } from '../varint.ts';

/** Major types, shifted to the top three bits of a value's first byte. */
const majors = { positive: 0x00, negative: 0x20, text: 0x60, map: 0xa0 } as const;
const trueByte = 0xf5;
const float64Byte = 0xfb;
/** Longest text that is written byte by byte. */
const asciiMost = 96;

/**
 * Writes the deterministic CBOR of maps with text keys, as far as entries of files need it: ten times as fast as a
 * general encoder, which shows where a source has many small files. The caller writes keys in their order.
 * @see RFC 8949, section 4.2.1
 */
export class CborWriter {
  /** Maps that cannot change, as they are written: thousands of files share the same few. */
  readonly #frozen = new WeakMap<Readonly<Record<string, string>>, Uint8Array>();
  #buffer = Buffer.allocUnsafe(4096);
  #length = 0;

  /** Forgets what was written: nothing of a failed attempt gets into the next one. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** Begins a map of so many keys, each followed by its value. */
  map(count: number): this {
    return this.#head(majors.map, count);
  }

  text(text: string): this {
    if (text.length > asciiMost || !this.#ascii(text)) this.#utf8(text);
    return this;
  }

  /** A finite number: an integer where it is one, else the shortest float that is exact. */
  number(value: number): this {
    if (Number.isSafeInteger(value)) {
      return value < 0 ? this.#head(majors.negative, -1 - value) : this.#head(majors.positive, value);
    }
    // Times with a fraction need all 64 bits; the few numbers that fit into fewer are no matter of speed.
    if (Math.fround(value) === value) return this.#bytes(encode(value, rfc8949EncodeOptions));
    this.#reserve(9);
    this.#buffer[this.#length] = float64Byte;
    this.#length = this.#buffer.writeDoubleBE(value, this.#length + 1);
    return this;
  }

  true(): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = trueByte;
    return this;
  }

  /** A whole map of texts, put in order. */
  texts(record: Readonly<Record<string, string>>): this {
    const known = this.#frozen.get(record);
    if (known !== undefined) return this.#bytes(known);
    const start = this.#length;
    const names = Object.keys(record).sort(compareKeys);
    this.map(names.length);
    for (const name of names) this.text(name).text(record[name] ?? '');
    if (Object.isFrozen(record)) this.#frozen.set(record, this.#copyFrom(start));
    return this;
  }

  isWritten(bytes: Uint8Array): boolean {
    if (bytes.length !== this.#length) return false;
    for (let at = 0; at < bytes.length; at++) if (bytes[at] !== this.#buffer[at]) return false;
    return true;
  }

  copy(): Uint8Array {
    return this.#copyFrom(0);
  }

  #copyFrom(start: number): Uint8Array {
    return new Uint8Array(this.#buffer.subarray(start, this.#length));
  }

  /** Short texts are nearly always ASCII, and a call out of JavaScript costs more than to write them byte by byte. */
  #ascii(text: string): boolean {
    const before = this.#length;
    this.#head(majors.text, text.length);
    this.#reserve(text.length);
    let at = this.#length;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) {
        this.#length = before;
        return false;
      }
      this.#buffer[at++] = code;
    }
    this.#length = at;
    return true;
  }

  #utf8(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.#head(majors.text, bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(text, this.#length, 'utf8');
  }

  #head(major: number, value: number): this {
    this.#reserve(9);
    const at = this.#length;
    if (value < 24) {
      this.#buffer[at] = major | value;
      this.#length = at + 1;
    } else if (value <= 0xff) {
      this.#buffer[at] = major | 24;
      this.#length = this.#buffer.writeUInt8(value, at + 1);
    } else if (value <= 0xffff) {
      this.#buffer[at] = major | 25;
      this.#length = this.#buffer.writeUInt16BE(value, at + 1);
    } else if (value <= 0xffff_ffff) {
      this.#buffer[at] = major | 26;
      this.#length = this.#buffer.writeUInt32BE(value, at + 1);
    } else {
      this.#buffer[at] = major | 27;
      this.#buffer.writeUInt32BE(Math.floor(value / 2 ** 32), at + 1);
      this.#length = this.#buffer.writeUInt32BE(value % 2 ** 32, at + 5);
    }
    return this;
  }

  #bytes(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  #reserve(bytes: number): void {
    this.#buffer = withRoom(this.#buffer, this.#length, bytes);
  }
}

/** The order of encoded keys: the length comes first in them. */
function compareKeys(a: string, b: string): number {
  if (isAscii(a) && isAscii(b)) return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
  return Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(utf8(a), utf8(b));
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}
