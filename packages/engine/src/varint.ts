import { InvalidInputError, StoredBytesDamagedError } from './errors.ts';

/**
 * Writes the format's integers and byte strings into a buffer that grows. Integers are unsigned LEB128 in their
 * shortest form, below 2^53.
 * @see docs/format.md, "Conventions"
 */
export class ByteWriter {
  #buffer: Buffer<ArrayBuffer>;
  #length = 0;

  constructor(expectedBytes = 256) {
    this.#buffer = Buffer.allocUnsafe(expectedBytes);
  }

  get length(): number {
    return this.#length;
  }

  /** @throws {@link InvalidInputError} not an integer of one byte. */
  u8(value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > 0xff) {
      throw new InvalidInputError(`${value} does not fit one byte`);
    }
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  /** @throws {@link InvalidInputError} negative, fractional, or 2^53 and above. */
  varint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new InvalidInputError(`${value} is not an integer from 0 to 2^53 - 1`);
    }
    this.#reserve(8);
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** Bytes as they are, without a length. */
  bytes(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** @throws {@link InvalidInputError} not that many bytes of hexadecimal text. */
  hex(text: string, byteLength: number): this {
    this.#reserve(byteLength);
    const written = this.#buffer.write(text, this.#length, byteLength, 'hex');
    if (written !== byteLength || text.length !== 2 * byteLength) {
      throw new InvalidInputError(`"${text}" is not ${byteLength} bytes in hexadecimal`);
    }
    this.#length += byteLength;
    return this;
  }

  /** A copy of the written bytes; the writer starts over and keeps its buffer. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }

  #reserve(bytes: number): void {
    this.#buffer = withRoom(this.#buffer, this.#length, bytes);
  }
}

/** The buffer, or a larger one with the same first bytes, that has room for some more. */
export function withRoom(buffer: Buffer<ArrayBuffer>, length: number, bytes: number): Buffer<ArrayBuffer> {
  if (length + bytes <= buffer.length) return buffer;
  const grown = Buffer.allocUnsafe(Math.max(length + bytes, 2 * buffer.length));
  grown.set(buffer.subarray(0, length));
  return grown;
}

/**
 * Reads {@link ByteWriter}'s output, and refuses everything else. Never copies and never allocates by a length field:
 * byte strings are views.
 * Every method throws {@link StoredBytesDamagedError}, in the name of the object that the bytes are from.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  /** The same bytes, for operations that only a buffer has. */
  readonly #buffer: Buffer;
  readonly #objectName: string;
  #position = 0;

  constructor(bytes: Uint8Array, objectName: string) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#bytes =
      bytes instanceof Buffer ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) : bytes;
    this.#objectName = objectName;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  u8(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) return this.fail('it ends early');
    this.#position++;
    return byte;
  }

  varint(): number {
    let byte = this.u8();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let scale = 0x80; ; scale *= 0x80) {
      byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) return this.fail('an integer is 2^53 or more');
      if (byte < 0x80) break;
    }
    return byte === 0 ? this.fail('an integer is not in its shortest form') : value;
  }

  /** A view, not a copy. */
  bytes(length: number): Uint8Array {
    if (length > this.remaining) return this.fail('it ends early');
    this.#position += length;
    return this.#bytes.subarray(this.#position - length, this.#position);
  }

  /** Copies some bytes: for few of them, which takes less than a view. */
  copyTo(target: Uint8Array, at: number, length: number): void {
    if (length > this.remaining) this.fail('it ends early');
    for (let copied = 0; copied < length; copied++)
      target[at + copied] = this.#bytes[this.#position + copied] as number;
    this.#position += length;
  }

  hex(length: number): string {
    if (length > this.remaining) return this.fail('it ends early');
    this.#position += length;
    return this.#buffer.toString('hex', this.#position - length, this.#position);
  }

  text(length: number): string {
    if (length > this.remaining) return this.fail('it ends early');
    this.#position += length;
    return this.#buffer.toString('utf8', this.#position - length, this.#position);
  }

  /** Checks that everything has been read. */
  end(): void {
    if (this.remaining > 0) this.fail(`${this.remaining} bytes are left over`);
  }

  fail(what: string): never {
    throw new StoredBytesDamagedError(this.#objectName, what);
  }
}
