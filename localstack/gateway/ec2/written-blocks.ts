/**
 * The blocks of a disk that were ever written, each with the number of its last write. Copies keep the numbers: where two
 * disks have the same one, they have the same bytes.
 */
export class WrittenBlocks {
  readonly #writes: Map<number, number>;
  #ascending: Uint32Array | undefined;

  constructor(writes: Iterable<readonly [index: number, write: number]> = []) {
    this.#writes = new Map(writes);
  }

  copy(): WrittenBlocks {
    return new WrittenBlocks(this.#writes);
  }

  put(index: number, write: number): void {
    if (!this.#writes.has(index)) this.#ascending = undefined;
    this.#writes.set(index, write);
  }

  remove(index: number): void {
    this.#writes.delete(index);
    this.#ascending = undefined;
  }

  get count(): number {
    return this.#writes.size;
  }

  findWrite(index: number): number | undefined {
    return this.#writes.get(index);
  }

  /** Indexes from one on, in their order. */
  *list(from = 0): Generator<number> {
    const ascending = (this.#ascending ??= Uint32Array.from(this.#writes.keys()).toSorted());
    for (let place = firstAtLeast(ascending, from); place < ascending.length; place += 1)
      yield ascending[place]!;
  }
}

function firstAtLeast(ascending: Uint32Array, least: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
