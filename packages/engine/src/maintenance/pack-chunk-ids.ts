import { isOfKind } from '../errors.ts';
import type { ChunkId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { indexedChunks } from '../packs/indexed-chunks.ts';
import { objectNameOf } from '../packs/object-names.ts';
import { PackCiphers } from '../packs/pack-ciphers.ts';
import { SegmentReader } from '../packs/segment-reader.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { ObjectStore } from '../ports/object-store.ts';

export type ListChunkIds = (row: PackRow, signal?: AbortSignal) => Promise<readonly ChunkId[]>;

/**
 * Reads the ids of the chunks that the index has of packs out of their own directories: one request for most of them.
 * A pack whose directory cannot be read (gone, damaged, archived) has none: its items in the chunk index stay, and are
 * misses, because no row stands behind them.
 */
export function createChunkIdReader(store: ObjectStore, keys: VaultKeys): ListChunkIds {
  return async (row, signal) => {
    const { packId, versionId, bytes } = row;
    const object = { packId, name: objectNameOf(row), versionId };
    // Each pack has its own: ciphers remember nothing of one object that is of use for the next.
    const segments = new SegmentReader(store, new PackCiphers(store, keys));
    try {
      const { directory } = await segments.readDirectory(object, bytes, signal);
      return [...indexedChunks(packId, directory.frames)].map(({ id }) => id);
    } catch (error) {
      if (isOfKind(error, 'damage', 'absent', 'format', 'archived')) return [];
      throw error;
    }
  };
}
