import { InvalidInputError } from '../errors.ts';
import type { ChunkId, PackId } from '../ids.ts';
import type { ChunkLocation } from '../packs/chunk-location.ts';
import type { ChunkIndex } from '../ports/chunk-index.ts';

/** A chunk index in memory; `forget` and `plant` make stale and missing answers. */
export class MemoryChunkIndex implements ChunkIndex {
  readonly #locations = new Map<ChunkId, ChunkLocation>();

  get size(): number {
    return this.#locations.size;
  }

  async find(ids: readonly ChunkId[], signal?: AbortSignal): Promise<ReadonlyMap<ChunkId, ChunkLocation>> {
    if (ids.length > 1000)
      throw new InvalidInputError(`${ids.length} chunk ids in one call; ask for at most 1,000`);
    signal?.throwIfAborted();
    await Promise.resolve();
    const found = new Map<ChunkId, ChunkLocation>();
    for (const id of ids) {
      const location = this.#locations.get(id);
      if (location !== undefined) found.set(id, location);
    }
    return found;
  }

  async put(
    entries: readonly { readonly id: ChunkId; readonly location: ChunkLocation }[],
    signal?: AbortSignal,
  ): Promise<void> {
    signal?.throwIfAborted();
    await Promise.resolve();
    for (const { id, location } of entries) this.#locations.set(id, { ...location });
  }

  async remove(ids: readonly ChunkId[], packId: PackId, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await Promise.resolve();
    for (const id of ids) if (this.#locations.get(id)?.packId === packId) this.#locations.delete(id);
  }

  /** An index with the same items that goes its own way. */
  fork(): MemoryChunkIndex {
    const copy = new MemoryChunkIndex();
    for (const [id, location] of this.#locations) copy.#locations.set(id, location);
    return copy;
  }

  /** Every item, in no order. */
  entries(): Iterable<readonly [ChunkId, ChunkLocation]> {
    return this.#locations.entries();
  }

  /** Takes a chunk out, as a lost table or a sweep does. */
  forget(id: ChunkId): void {
    this.#locations.delete(id);
  }

  /** Makes the index say something, true or not. */
  plant(id: ChunkId, location: ChunkLocation): void {
    this.#locations.set(id, location);
  }
}
