import type { PackId, PageId } from '../ids.ts';
import { decodePackMapEntry } from '../manifest/pack-map.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PointReader } from '../restore/point-reader.ts';

const idsPerCall = 1_000;

/** Stored objects that some points need and no other. */
export interface ExclusivePacks {
  readonly packs: number;
  /** Stored bytes of whole packs: a pack goes when nobody needs any of it. */
  readonly bytes: number;
  /** Packs that the catalog does not know, whose bytes are not in the sum. */
  readonly unknownPacks: number;
}

/**
 * Counts what would be freed if some points went: the packs of chunks, of pages and the containers that they need and
 * none of the others do. Reads the pack maps of all of them, each shared page once.
 * Memory: one id for every pack and every page of pack maps in the vault.
 * @param others - every other point of the vault, of any resource: packs are shared between resources.
 */
export async function countExclusivePacks(
  catalog: Pick<Catalog, 'packs'>,
  some: AsyncIterable<PointReader>,
  others: AsyncIterable<PointReader>,
  signal?: AbortSignal,
): Promise<ExclusivePacks> {
  const kept = await listPacks(others, signal);
  const exclusive = [...(await listPacks(some, signal))].filter((packId) => !kept.has(packId));
  let bytes = 0;
  let unknownPacks = 0;
  for (let start = 0; start < exclusive.length; start += idsPerCall) {
    const batch = exclusive.slice(start, start + idsPerCall);
    const rows = await catalog.packs.findAll(batch);
    for (const packId of batch) {
      const size = rows.get(packId)?.bytes;
      if (size === undefined) unknownPacks++;
      else bytes += size;
    }
  }
  return { packs: exclusive.length, bytes, unknownPacks };
}

async function listPacks(points: AsyncIterable<PointReader>, signal?: AbortSignal): Promise<Set<PackId>> {
  const packs = new Set<PackId>();
  const seen = new Set<PageId>();
  for await (const { root, packMap } of points) {
    for (const { pack } of root.pagePacks) packs.add(pack);
    if (root.container !== undefined) packs.add(root.container.pack);
    for await (const entry of packMap.unseenEntries(seen, { signal })) {
      packs.add(decodePackMapEntry(entry, packMap.name).packId);
    }
  }
  return packs;
}
