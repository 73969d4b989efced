/** A 64-bit fingerprint as two unsigned 32-bit numbers. */
export interface Fingerprint {
  readonly a: number;
  readonly b: number;
}

/** Fingerprint of a text: two multiplicative hashes with different seeds. */
export function fingerprintOf(text: string): Fingerprint {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return { a: a >>> 0, b: b >>> 0 };
}

/** Takes one number more into a fingerprint's half. */
export function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ value, 0x9e3779b1);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x85ebca77);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** One text for all values that are equal, whatever the order of their fields: dates, maps and bytes included. */
export function canonicalText(value: unknown): string {
  if (value === null || typeof value !== 'object')
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  if (value instanceof Date) return `@${value.getTime()}`;
  if (value instanceof Uint8Array) {
    const { a, b } = fingerprintOf(Buffer.from(value).toString('latin1'));
    return `#${value.length}.${a}.${b}`;
  }
  if (value instanceof Error) return `!${value.name}:${value.message}`;
  if (value instanceof Map)
    return `{${[...value]
      .map(([key, item]) => `${canonicalText(key)}=${canonicalText(item)}`)
      .sort()
      .join()}}`;
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `(${fields
    .map(([key, field]) => `${key}:${canonicalText(field)}`)
    .sort()
    .join()})`;
}

/** Gives equal values one small number each, and the first of them back for it. */
export class Interner<Value> {
  readonly #ids = new Map<string, number>();
  readonly #values: Value[] = [];

  idOf(value: Value, text: string = canonicalText(value)): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#values.length;
    this.#ids.set(text, id);
    this.#values.push(value);
    return id;
  }

  get(id: number): Value {
    return this.#values[id] as Value;
  }
}

/** Fingerprints that have been met, 8 bytes each: an open hash table. */
export class FingerprintSet {
  #slots = new Uint32Array(2 * 2 ** 16);
  #mask = 2 ** 16 - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns whether it is new. */
  add({ a, b }: Fingerprint): boolean {
    if (this.#size * 10 > (this.#mask + 1) * 6) this.#grow();
    // Zero marks an empty slot.
    const low = a === 0 && b === 0 ? 1 : a;
    if (!insert(this.#slots, this.#mask, low, b)) return false;
    this.#size += 1;
    return true;
  }

  #grow(): void {
    const before = this.#slots;
    this.#mask = 2 * (this.#mask + 1) - 1;
    this.#slots = new Uint32Array(2 * (this.#mask + 1));
    for (let at = 0; at < before.length; at += 2) {
      const a = before[at] as number;
      const b = before[at + 1] as number;
      if (a !== 0 || b !== 0) insert(this.#slots, this.#mask, a, b);
    }
  }
}

function insert(slots: Uint32Array, mask: number, a: number, b: number): boolean {
  for (let slot = (a ^ (b >>> 7)) & mask; ; slot = (slot + 1) & mask) {
    const knownA = slots[2 * slot];
    const knownB = slots[2 * slot + 1];
    if (knownA === 0 && knownB === 0) {
      slots[2 * slot] = a;
      slots[2 * slot + 1] = b;
      return true;
    }
    if (knownA === a && knownB === b) return false;
  }
}
