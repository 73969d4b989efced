import type { ChunkId, PackId } from '../ids.ts';
import type { ChunkLocation } from '../packs/chunk-location.ts';

/**
 * Locations of stored chunks: a hint that saves storing one twice. One item a stored chunk, one index a trust domain.
 * An answer can be stale (its pack swept): callers check the pack's row; a miss costs a duplicate, never data.
 */
export interface ChunkIndex {
  /** Finds those chunks that are known, at most 1,000 ids a call; the adapter batches. */
  find(ids: readonly ChunkId[], signal?: AbortSignal): Promise<ReadonlyMap<ChunkId, ChunkLocation>>;
  /** Records chunks of a pack that is live. Overwrites older items of the same chunk. */
  put(
    entries: readonly { readonly id: ChunkId; readonly location: ChunkLocation }[],
    signal?: AbortSignal,
  ): Promise<void>;
  /** Removes the items of those chunks that still name the pack; items that name another stay. Repeatable. */
  remove(ids: readonly ChunkId[], packId: PackId, signal?: AbortSignal): Promise<void>;
}
