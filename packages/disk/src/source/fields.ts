import { DiskDamagedError } from '../errors.ts';

/**
 * Numbers in a structure of a disk by their offsets, least significant byte first unless said otherwise.
 * @throws {@link DiskDamagedError} a field is outside of the bytes, or a number is larger than any disk.
 */
export class Fields {
  readonly bytes: Uint8Array;
  /** The name of the bytes, for messages. */
  readonly what: string;
  readonly #view: DataView;
  readonly #isLittle: boolean;

  constructor(bytes: Uint8Array, what: string, order: 'little' | 'big' = 'little') {
    this.bytes = bytes;
    this.what = what;
    this.#isLittle = order === 'little';
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(at: number): number {
    return this.#view.getUint8(this.#check(at, 1));
  }

  u16(at: number): number {
    return this.#view.getUint16(this.#check(at, 2), this.#isLittle);
  }

  u32(at: number): number {
    return this.#view.getUint32(this.#check(at, 4), this.#isLittle);
  }

  i32(at: number): number {
    return this.#view.getInt32(this.#check(at, 4), this.#isLittle);
  }

  u64(at: number): number {
    const [low, high] = this.#isLittle ? [at, at + 4] : [at + 4, at];
    return this.wide(this.u32(low), this.u32(high));
  }

  /** A number that may be larger than all that is counted in bytes or blocks, such as a time. */
  big64(at: number): bigint {
    return this.#view.getBigUint64(this.#check(at, 8), this.#isLittle);
  }

  /** A number whose halves lie apart. */
  wide(low: number, high: number): number {
    const value = high * 2 ** 32 + low;
    if (!Number.isSafeInteger(value)) throw new DiskDamagedError(`${this.what} has a number of 2^53 or more`);
    return value;
  }

  slice(at: number, length: number): Uint8Array {
    return this.bytes.subarray(this.#check(at, length), at + length);
  }

  /** Bytes up to the first zero, as text; what is not UTF-8 is replaced. */
  text(at: number, length: number): string {
    const bytes = this.slice(at, length);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
  }

  /** True if the ASCII text is at that place; false where the bytes end before it. */
  has(at: number, text: string): boolean {
    if (at + text.length > this.bytes.length) return false;
    for (let index = 0; index < text.length; index += 1)
      if (this.bytes[at + index] !== text.codePointAt(index)) return false;
    return true;
  }

  #check(at: number, length: number): number {
    if (at < 0 || length < 0 || at + length > this.bytes.length)
      throw new DiskDamagedError(`${this.what} ends before byte ${at + length}`);
    return at;
  }
}

/** A UUID in the order of its bytes. */
export function uuidText(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** A GUID as Microsoft and EFI store it: the first three parts have their least significant byte first. */
export function guidText(bytes: Uint8Array): string {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return uuidText(Uint8Array.from(order, (at) => bytes[at] ?? 0));
}

/** A serial number as Microsoft's file systems are known by: the most significant byte first, though it is stored last. */
export function serialText(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  return digits.reverse().join('').toUpperCase();
}
