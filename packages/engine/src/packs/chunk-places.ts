import { isOfKind } from '../errors.ts';
import type { ChunkId, PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { ChunkIndex } from '../ports/chunk-index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { ChunkLocation, ChunkReference } from './chunk-location.ts';
import { maxPlainBytes } from './frame.ts';
import { isVolumeBlock } from './indexed-chunks.ts';
import { objectNameOf } from './object-names.ts';
import { PackCiphers } from './pack-ciphers.ts';
import { listChunks } from './pack-directory.ts';
import type { PackKind } from './pack-layout.ts';
import { isPossible } from './pack-reader.ts';
import { SegmentReader } from './segment-reader.ts';

/** Blocks whose places are remembered, of about 300 bytes each. */
const rememberedBlocks = 16_384;

/** A pack that may be referred to. */
export interface UsablePack {
  readonly kind: PackKind;
  readonly retentionClass: string;
  readonly versionId?: string;
}

/** Decides which packs may be referred to, for example a `LeaseKeeper`. */
export interface PackLeases {
  /** The packs among these that are live and leased to the run's date. A missing pack must not be used. */
  lease(packIds: Iterable<PackId>): Promise<ReadonlyMap<PackId, UsablePack>>;
}

export interface ChunkPlacesOptions {
  readonly store: ObjectStore;
  readonly vault: VaultKeys;
  readonly chunkIndex: ChunkIndex;
  readonly leases: PackLeases;
  readonly signal?: AbortSignal | undefined;
}

type WantedChunk = Pick<ChunkReference, 'id' | 'plainBytes'>;

/**
 * Finds chunks that the vault has, in packs that can be leased: by the index, and of the blocks of volumes, most of which
 * it does not know, by the directories of the packs that it names for others of them.
 */
export class ChunkPlaces {
  readonly #options: ChunkPlacesOptions;
  readonly #segments: SegmentReader;
  /** Blocks by pack. The packs are leased. */
  readonly #blocks = new BoundedCache<PackId, ReadonlyMap<ChunkId, ChunkLocation>>(rememberedBlocks);

  constructor(options: ChunkPlacesOptions) {
    this.#options = options;
    this.#segments = new SegmentReader(options.store, new PackCiphers(options.store, options.vault));
  }

  /** @param chunks - at most 1,000. @returns the places of those that are found. */
  async find(chunks: readonly WantedChunk[]): Promise<ReadonlyMap<ChunkId, ChunkLocation>> {
    const { chunkIndex, leases, signal } = this.#options;
    const places = new Map<ChunkId, ChunkLocation>();
    const asked = chunks.filter((chunk) => !this.#recall(chunk, places));
    if (asked.length === 0) return places;
    const found = await chunkIndex.find(
      asked.map(({ id }) => id),
      signal,
    );
    const leased = await leases.lease(new Set([...found.values()].map(({ packId }) => packId)));
    for (const chunk of asked) {
      const location = found.get(chunk.id);
      const pack = location && leased.get(location.packId);
      if (location === undefined || pack === undefined || !canHold(location, chunk)) continue;
      places.set(chunk.id, location);
      if (isVolumeBlock(chunk)) await this.#open(location.packId, pack);
    }
    for (const chunk of asked) if (!places.has(chunk.id)) this.#recall(chunk, places);
    return places;
  }

  #recall({ id, plainBytes }: WantedChunk, places: Map<ChunkId, ChunkLocation>): boolean {
    if (!isVolumeBlock({ plainBytes })) return false;
    const location = this.#blocks.find((blocks) => blocks.has(id))?.get(id);
    if (location !== undefined) places.set(id, location);
    return location !== undefined;
  }

  /** Remembers the blocks of a pack. One whose directory cannot be read has none: they are stored again. */
  async #open(packId: PackId, { kind, retentionClass, versionId }: UsablePack): Promise<void> {
    if (kind !== 'chunks' || this.#blocks.get(packId) !== undefined) return;
    const blocks = new Map<ChunkId, ChunkLocation>();
    try {
      const object = { packId, name: objectNameOf({ kind, retentionClass, packId }), versionId };
      const { directory } = await this.#segments.readDirectory(object, undefined, this.#options.signal);
      for (const chunk of listChunks(packId, directory.frames))
        if (isVolumeBlock(chunk)) blocks.set(chunk.id, chunk.location);
    } catch (error) {
      if (!isOfKind(error, 'damage', 'absent', 'format', 'archived')) throw error;
    }
    this.#blocks.set(packId, blocks, Math.max(1, blocks.size));
  }
}

/** False for an item of the index that no pack can have. A manifest would refuse it, and end every run that finds it. */
function canHold(location: ChunkLocation, { plainBytes }: WantedChunk): boolean {
  const { contentBytes, start } = location;
  const isInside = start >= 0 && start + plainBytes <= contentBytes && contentBytes <= maxPlainBytes.chunk;
  return isInside && isPossible(location, 'chunk');
}
