import type { PackId, PointId } from '../ids.ts';
import { decodePackMapEntry, lockSummary, type PackMapEntry } from '../manifest/pack-map.ts';
import type { PackDelta } from '../manifest/pack-usage.ts';
import type { TreeReader } from '../manifest/tree-reader.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { LeaseKeeper } from './lease-keeper.ts';

/** Packs asked about with one call. */
const packsAtOnce = 1_000;
/** Most packs that may fail to be leased; beyond, reading all of the source is simpler, and as cheap. */
const unleasedLimit = 10_000;
/** Most mostly dead packs that one run copies; the others are extended, and looked at a generation later. */
const copiedLimit = 10_000;

export type LeasedPackMap =
  | {
      readonly state: 'leased';
      readonly unleased: readonly PackId[];
      readonly copied: readonly PackId[];
      /** New dates, in the order of pack ids. */
      readonly moved: readonly PackDelta[];
    }
  | { readonly state: 'lost'; readonly reason: string };

export interface LeasePackMapOptions {
  readonly catalog: Pick<Catalog, 'packs'>;
  readonly packMap: TreeReader;
  /** The point whose pack map it is. */
  readonly origin: PointId;
  /** True if a pack is to be given up instead of leased once more, when the point uses so many of its bytes. */
  readonly isMostlyDead: (row: PackRow, usedBytes: number) => boolean;
}

/**
 * Leases the packs of a pack map whose lock is short, to which the smallest dates lead, or gives them up where they are
 * mostly dead. A pack map's used bytes count a chunk as often as it is referred to, so a pack that many files share may
 * be extended although it is mostly dead; never the other way round. With a date instead of a keeper nothing is leased,
 * only looked at.
 */
export async function leasePackMap(
  options: LeasePackMapOptions & ({ readonly keeper: LeaseKeeper } | { readonly leaseUntil: Date }),
): Promise<LeasedPackMap> {
  const { catalog, packMap, origin, isMostlyDead } = options;
  const { leaseUntil } = 'keeper' in options ? options.keeper : options;
  const unleased: PackId[] = [];
  const copied: PackId[] = [];
  const moved: PackDelta[] = [];
  const leaseBatch = async (batch: readonly PackMapEntry[]): Promise<void> => {
    const rows = await catalog.packs.findAll(batch.map(({ packId }) => packId));
    const kept: PackMapEntry[] = [];
    for (const entry of batch) {
      const row = rows.get(entry.packId);
      if (row !== undefined && copied.length < copiedLimit && isMostlyDead(row, entry.liveBytes))
        copied.push(entry.packId);
      else kept.push(entry);
    }
    if (!('keeper' in options)) return;
    const ids = kept.map(({ packId }) => packId);
    await options.keeper.take(ids, rows);
    for (const { packId, kind, retentionClass, versionId } of kept) {
      const leased = options.keeper.get(packId);
      if (leased === undefined) unleased.push(packId);
      else {
        const facts = { kind, retentionClass, versionId, lockedUntil: leased.lockedUntil };
        moved.push({ packId, references: 0, liveBytes: 0, facts });
      }
    }
  };
  let batch: PackMapEntry[] = [];
  for await (const entry of packMap.entriesBelow(lockSummary(leaseUntil))) {
    batch.push(decodePackMapEntry(entry, origin));
    if (batch.length < packsAtOnce) continue;
    await leaseBatch(batch);
    batch = [];
    if (unleased.length > unleasedLimit) {
      const reason = `more than ${unleasedLimit} packs of the base ${origin} cannot be leased any more`;
      return { state: 'lost', reason };
    }
  }
  await leaseBatch(batch);
  return { state: 'leased', unleased, copied, moved };
}
