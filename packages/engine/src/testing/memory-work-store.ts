import { ObjectNotFoundError } from '../errors.ts';
import type { WorkStore } from '../ports/work-store.ts';

/** Scratch space in memory. */
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

  /** Names of what has been written and not replaced, sorted. */
  names(): readonly string[] {
    return [...this.#objects.keys()].sort();
  }
}
