/** A cache of the most recently used values, up to a total weight: bytes, or a count when every weight is 1. */
export class BoundedCache<Key, Value> {
  readonly #limit: number;
  /** Least recently used first. */
  readonly #items = new Map<Key, { readonly value: Value; readonly weight: number }>();
  #weight = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get weight(): number {
    return this.#weight;
  }

  get(key: Key): Value | undefined {
    const item = this.#items.get(key);
    if (item === undefined) return undefined;
    this.#items.delete(key);
    this.#items.set(key, item);
    return item.value;
  }

  /** The first value that fits, most recently used first. Does not count as a use. */
  find(fits: (value: Value, key: Key) => boolean): Value | undefined {
    for (const [key, { value }] of [...this.#items].toReversed()) if (fits(value, key)) return value;
    return undefined;
  }

  set(key: Key, value: Value, weight: number): void {
    this.delete(key);
    this.#items.set(key, { value, weight });
    this.#weight += weight;
    for (const oldest of this.#items.keys()) {
      if (this.#weight <= this.#limit) break;
      this.delete(oldest);
    }
  }

  delete(key: Key): void {
    const item = this.#items.get(key);
    if (item === undefined) return;
    this.#items.delete(key);
    this.#weight -= item.weight;
  }
}
