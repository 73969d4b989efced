const pageBits = 512;
const pageBytes = pageBits / 8;
const slabPages = 2 ** 14;

/** The place of a page's bytes. */
interface Page {
  readonly slab: Uint8Array;
  readonly offset: number;
}

/**
 * A set of numbers that lie in clusters: one bit for each, in pages of 512. Dense numbers take an eighth of a byte each,
 * with what leads to their page less than a quarter; numbers alone in their page some 100 bytes.
 */
export class SparseBits {
  readonly #mostPages: number;
  readonly #slabs: Uint8Array[] = [];
  readonly #pages = new Map<number, number>();

  /** @param mostBytes - pages together; what leads to them takes about as much again. */
  constructor(mostBytes: number) {
    this.#mostPages = Math.floor(mostBytes / pageBytes);
  }

  /** @returns true if the number is new to the set; `undefined` if there is no room to tell. */
  add(number: number): boolean | undefined {
    const page = Math.floor(number / pageBits);
    const bits = this.#find(page) ?? this.#make(page);
    if (bits === undefined) return undefined;
    const bit = number % pageBits;
    const at = bits.offset + (bit >>> 3);
    const mask = 1 << (bit & 7);
    const byte = bits.slab[at] ?? 0;
    bits.slab[at] = byte | mask;
    return (byte & mask) === 0;
  }

  has(number: number): boolean {
    const bits = this.#find(Math.floor(number / pageBits));
    if (bits === undefined) return false;
    const bit = number % pageBits;
    return ((bits.slab[bits.offset + (bit >>> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
  }

  #find(page: number): Page | undefined {
    const place = this.#pages.get(page);
    if (place === undefined) return undefined;
    const slab = this.#slabs[Math.floor(place / slabPages)];
    return slab && { slab, offset: (place % slabPages) * pageBytes };
  }

  #make(page: number): Page | undefined {
    const place = this.#pages.size;
    if (place >= this.#mostPages) return undefined;
    if (place % slabPages === 0) this.#slabs.push(new Uint8Array(slabPages * pageBytes));
    this.#pages.set(page, place);
    return this.#find(page);
  }
}
