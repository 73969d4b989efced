import { DiskBytesLostError, DiskDamagedError } from '../errors.ts';

/** Damage of blocks of a directory, each of which costs its own entries. */
export class CollectedDamage {
  #first: DiskDamagedError | undefined;
  #count = 0;

  add(error: unknown): void {
    if (!(error instanceof DiskDamagedError)) throw error;
    this.#first ??= error;
    this.#count += 1;
  }

  /** @throws {@link DiskDamagedError} there was some. */
  throwIfAny(): void {
    if (this.#first === undefined) return;
    // What was lost has to be known as such.
    if (this.#count === 1 || this.#first instanceof DiskBytesLostError) throw this.#first;
    throw new DiskDamagedError(`${this.#first.message}; ${this.#count - 1} more of its blocks are damaged`, {
      cause: this.#first,
    });
  }
}
