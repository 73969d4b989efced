import type { PackId } from '../ids.ts';
import type { PageSource } from '../manifest/page-store.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import type { PagePackRecord, Root } from '../points/root.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { defaultPacksAtOnce, type LookOptions } from './lease-pack-map.ts';
import { countUsedPages, noUsedPages, type UsedPages } from './page-packs-in-use.ts';

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
  | { readonly state: 'lost'; readonly packId: PackId }
  /** Another call has to go on. */
  | { readonly state: 'unfinished'; readonly used?: UsedPages | undefined };

export interface LeasePagePacksOptions extends LookOptions {
  readonly catalog: Pick<Catalog, 'packs'>;
  readonly keeper: LeaseKeeper;
  readonly root: Root;
  readonly source: PageSource;
  /** The count that an earlier call left. */
  readonly used?: UsedPages | undefined;
  /** True if a pack is to be given up instead of leased once more, when the point uses so many of its bytes. */
  readonly isMostlyDead: (row: PackRow, usedBytes: number) => boolean;
  /** True if a container that holds pages is still needed for its chunks. */
  readonly isContainerNeeded: (packId: PackId) => Promise<boolean>;
}

/**
 * Leases all page packs of a base to the keeper's date. When some of them have to be extended, once a generation, all
 * inner pages are read to see how much of each is used: a pack that is not needed at all is dropped, and a mostly dead
 * one is given up, to be written anew. Takes any number of calls: each reads some inner pages, or leases a batch of packs.
 */
export async function leasePagePacks(options: LeasePagePacksOptions): Promise<LeasedPagePacks> {
  const { keeper, root, shouldStop, packsAtOnce = defaultPacksAtOnce } = options;
  const rows = await findRows(options, packsAtOnce);
  const isShort = (packId: PackId): boolean => {
    const lockedUntil = rows.get(packId)?.lockedUntil;
    return lockedUntil === undefined || lockedUntil < keeper.leaseUntil;
  };
  let { used } = options;
  if (used === undefined && root.manifest !== undefined && [...rows.keys()].some(isShort))
    used = noUsedPages();
  const roots = {
    manifest: findPageRef(root.manifest, root.point),
    packMap: findPageRef(root.packMap, root.point),
  };
  const bytes = used && (await countUsedPages(options.source, roots, used, shouldStop));
  if (bytes === 'unfinished') return { state: 'unfinished', used };
  const needed = root.pagePacks.filter(({ pack }) => bytes === undefined || bytes.has(pack));
  const rewritten = bytes === undefined ? new Set<PackId>() : await chooseRewritten(options, rows, bytes);

  const kept = needed.map(({ pack }) => pack).filter((packId) => !rewritten.has(packId));
  await keeper.take(
    kept.filter((packId) => !isShort(packId)),
    rows,
  );
  // Those that are leased have their dates when a later call goes on.
  const short = kept.filter(isShort);
  for (let start = 0; start < short.length; start += packsAtOnce) {
    const some = short.slice(start, start + packsAtOnce);
    await keeper.take(some, rows);
    const lost = some.find((packId) => keeper.get(packId) === undefined);
    if (lost !== undefined) return { state: 'lost', packId: lost };
    if (shouldStop?.() === true) return { state: 'unfinished', used };
  }
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
    counted: bytes && needed.length,
  };
}

async function findRows(
  { catalog, root }: LeasePagePacksOptions,
  packsAtOnce: number,
): Promise<ReadonlyMap<PackId, PackRow>> {
  const rows = new Map<PackId, PackRow>();
  const packIds = root.pagePacks.map(({ pack }) => pack);
  for (let start = 0; start < packIds.length; start += packsAtOnce) {
    for (const [packId, row] of await catalog.packs.findAll(packIds.slice(start, start + packsAtOnce)))
      rows.set(packId, row);
  }
  return rows;
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
