import type { PackId } from '../ids.ts';
import { countPageBytes } from '../manifest/page-bytes.ts';
import type { PageSource } from '../manifest/page-store.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import type { PagePackRecord, Root } from '../points/root.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { LeaseKeeper } from './lease-keeper.ts';

/** Packs asked about with one call. */
const packsAtOnce = 1_000;
/** Most stored pages that one run writes anew: the committer does it by itself. Bytes. */
const rewriteBytesLimit = 256 * 2 ** 20;

export type LeasedPagePacks =
  | {
      readonly state: 'leased';
      /** Page packs for reading the base, including those that are written anew. */
      readonly pagePacks: PagePackRecord[];
      /** Packs not leased any more: their pages are written anew. */
      readonly rewritten: PackId[];
      /** Number of needed packs, if they have been counted. */
      readonly counted?: number;
    }
  | { readonly state: 'lost'; readonly packId: PackId };

export interface LeasePagePacksOptions {
  readonly catalog: Pick<Catalog, 'packs'>;
  readonly keeper: LeaseKeeper;
  readonly root: Root;
  readonly source: PageSource;
  /** True if a pack is to be given up instead of leased once more, when the point uses so many of its bytes. */
  readonly isMostlyDead: (row: PackRow, usedBytes: number) => boolean;
  /** True if a container that holds pages is still needed for its chunks. */
  readonly isContainerNeeded: (packId: PackId) => Promise<boolean>;
}

/**
 * Leases all page packs of a base to the keeper's date. When some of them have to be extended, once a generation, all
 * inner pages are read to see how much of each is used: a pack that is not needed at all is dropped, and a mostly dead
 * one is given up, to be written anew.
 */
export async function leasePagePacks(options: LeasePagePacksOptions): Promise<LeasedPagePacks> {
  const { catalog, keeper, root } = options;
  const rows = new Map<PackId, PackRow>();
  const packIds = root.pagePacks.map(({ pack }) => pack);
  for (let start = 0; start < packIds.length; start += packsAtOnce) {
    for (const [packId, row] of await catalog.packs.findAll(packIds.slice(start, start + packsAtOnce)))
      rows.set(packId, row);
  }
  const isShort = ({ lockedUntil }: PackRow): boolean =>
    lockedUntil === undefined || lockedUntil < keeper.leaseUntil;
  const counts = root.manifest !== undefined && [...rows.values()].some(isShort);
  const used = counts ? await countUsed(options) : undefined;
  const needed = root.pagePacks.filter(({ pack }) => used === undefined || used.has(pack));
  const rewritten = used === undefined ? new Set<PackId>() : await chooseRewritten(options, rows, used);

  const kept = needed.map(({ pack }) => pack).filter((packId) => !rewritten.has(packId));
  await keeper.take(kept, rows);
  const pagePacks: PagePackRecord[] = [];
  for (const record of needed) {
    const leased = keeper.get(record.pack);
    if (rewritten.has(record.pack)) pagePacks.push(record);
    else if (leased === undefined) return { state: 'lost', packId: record.pack };
    else pagePacks.push({ ...record, lockedUntil: leased.lockedUntil.toISOString() });
  }
  return {
    state: 'leased',
    pagePacks,
    rewritten: [...rewritten],
    ...(used !== undefined && { counted: needed.length }),
  };
}

/** Stored bytes of each page pack that the base's two maps use. */
async function countUsed({ root, source }: LeasePagePacksOptions): Promise<ReadonlyMap<PackId, number>> {
  const used = new Map<PackId, number>();
  for (const reference of [root.manifest, root.packMap]) {
    for (const [packId, bytes] of await countPageBytes(source, findPageRef(reference, root.point)))
      used.set(packId, (used.get(packId) ?? 0) + bytes);
  }
  return used;
}

/** The deadest first, as many as one committer can write. */
async function chooseRewritten(
  { root, isMostlyDead, isContainerNeeded }: LeasePagePacksOptions,
  rows: ReadonlyMap<PackId, PackRow>,
  used: ReadonlyMap<PackId, number>,
): Promise<Set<PackId>> {
  const candidates: { readonly packId: PackId; readonly bytes: number }[] = [];
  for (const { pack, kind } of root.pagePacks) {
    const [row, bytes] = [rows.get(pack), used.get(pack)];
    if (row === undefined || bytes === undefined || !isMostlyDead(row, bytes)) continue;
    if (kind === 'container' && (await isContainerNeeded(pack))) continue;
    candidates.push({ packId: pack, bytes });
  }
  const rewritten = new Set<PackId>();
  let total = 0;
  for (const { packId, bytes } of candidates.sort((a, b) => a.bytes - b.bytes)) {
    total += bytes;
    if (total > rewriteBytesLimit) break;
    rewritten.add(packId);
  }
  return rewritten;
}
