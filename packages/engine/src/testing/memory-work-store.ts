import { ObjectNotFoundError } from '../errors.ts';
import type { WorkStore } from '../ports/work-store.ts';

export class MemoryWorkStore implements WorkStore {
  readonly #objects = new Map<string, Uint8Array>();

  async put(name: string, body: Uint8Array): Promise<void> {
    this.#objects.set(name, new Uint8Array(body));
  }

  async putNew(name: string, body: Uint8Array): Promise<'written' | 'taken'> {
    if (this.#objects.has(name)) return 'taken';
    await this.put(name, body);
    return 'written';
  }

  async get(name: string): Promise<Uint8Array> {
    const body = this.#objects.get(name);
    if (body === undefined) throw new ObjectNotFoundError(name);
    return body;
  }

  /** A store with the same objects that goes its own way. */
  fork(): MemoryWorkStore {
    const copy = new MemoryWorkStore();
    for (const [name, body] of this.#objects) copy.#objects.set(name, body);
    return copy;
  }

  /** Every object, in no order. */
  entries(): Iterable<readonly [string, Uint8Array]> {
    return this.#objects.entries();
  }

  /** Names of what has been written and not replaced, sorted. */
  names(): readonly string[] {
    return [...this.#objects.keys()].sort();
  }
}
