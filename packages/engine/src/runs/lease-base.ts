import { safety } from '../model/safety.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { PackId } from '../ids.ts';
import { createPackMapKind, packKey } from '../manifest/pack-map.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import { createPageReader } from '../points/point-pages.ts';
import type { PagePackRecord, Root } from '../points/root.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { RunRow } from '../ports/catalog/runs.ts';
import type { RunServices } from '../services.ts';
import { leasePolicyFor, lockDates, type LeasePolicy } from './generation.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { leasePackMap } from './lease-pack-map.ts';
import { leasePagePacks } from './lease-page-packs.ts';
import { putUsage } from './usage-runs.ts';

const dayMs = 86_400_000;

export type LeasedBase =
  | {
      readonly state: 'leased';
      /** Page packs for reading the base. */
      readonly pagePacks: PagePackRecord[];
      readonly pagePacksCounted: number;
      /** Packs that could not be leased: their chunks are read from the source. */
      readonly unleasedPacks: PackId[];
      /** Mostly dead packs that are given up: their chunks are copied (rule 5). */
      readonly copiedPacks: PackId[];
      /** Mostly dead page packs that are given up: their pages are written anew. */
      readonly rewrittenPagePacks: PackId[];
    }
  | { readonly state: 'lost'; readonly reason: string };

/**
 * Leases everything of a base to the run's date (rule 4): every page pack, and of the packs of chunks those whose lock
 * is shorter, to which the smallest dates in the pack map lead. A pack of which less than the policy's share is used is
 * given up instead, if its lock outlasts the run (rule 5). New dates are written down for the new point's pack map.
 * Repeatable. For a synthetic full, which only reads its base, everything has to last two weeks.
 */
export async function leaseBase(
  services: RunServices,
  keys: VaultKeys,
  root: Root,
  row: RunRow,
  policy: LeasePolicy = leasePolicyFor(35),
): Promise<LeasedBase> {
  const { catalog, store } = services;
  const onlyRead = row.requestedType === 'synthetic-full';
  const readUntil = new Date(row.startedAt.getTime() + safety.baseReadingDays * dayMs);
  const leaseUntil = onlyRead && readUntil < row.leaseUntil ? readUntil : row.leaseUntil;
  const keeper = new LeaseKeeper({
    ...services,
    leaseUntil,
    ...(!onlyRead && { lockDateOf: lockDates(leaseUntil, policy, resourceKeyOf(row.resourceArn)) }),
    ...(!onlyRead && policy.retentionClass !== undefined && { retentionClass: policy.retentionClass }),
  });
  const isMostlyDead = deathTest(row, leaseUntil, onlyRead ? { ...policy, copyBelow: 0 } : policy);
  const source = createPageReader(store, keys, root.pagePacks);
  const packMap = new TreeReader(createPackMapKind(keys), source, findPageRef(root.packMap, root.point));

  const packs = await leasePackMap({ catalog, keeper, packMap, origin: root.point, isMostlyDead });
  if (packs.state === 'lost') return { state: 'lost', reason: packs.reason };
  const copied = new Set(packs.copied);
  const isContainerNeeded = async (packId: PackId): Promise<boolean> =>
    !copied.has(packId) && (await packMap.find(packKey(packId))) !== undefined;
  const pages = await leasePagePacks({ catalog, keeper, root, source, isMostlyDead, isContainerNeeded });
  if (pages.state === 'lost') {
    return {
      state: 'lost',
      reason: `page pack ${pages.packId} of the base ${root.point} cannot be leased any more`,
    };
  }
  const unleasedPacks = new Set(packs.unleased);
  for await (const packId of damagedPacks(catalog, packMap)) unleasedPacks.add(packId);
  await putUsage(services.work, row.runId, 'leases', packs.moved);
  return {
    state: 'leased',
    pagePacks: pages.pagePacks,
    pagePacksCounted: pages.counted ?? root.pagePacksCounted,
    unleasedPacks: [...unleasedPacks],
    copiedPacks: [...copied],
    rewrittenPagePacks: pages.rewritten,
  };
}

/**
 * Lists the mostly dead packs that a resource's newest point would have to extend: a full, which has no base, must not
 * find its chunks there either, or it would keep them for one more generation.
 */
export async function listMostlyDeadPacks(
  { catalog, store }: RunServices,
  keys: VaultKeys,
  root: Root,
  row: RunRow,
  policy: LeasePolicy,
): Promise<readonly PackId[]> {
  if (policy.copyBelow === 0) return [];
  const source = createPageReader(store, keys, root.pagePacks);
  const packMap = new TreeReader(createPackMapKind(keys), source, findPageRef(root.packMap, root.point));
  const isMostlyDead = deathTest(row, row.leaseUntil, policy);
  const packs = await leasePackMap({
    catalog,
    leaseUntil: row.leaseUntil,
    packMap,
    origin: root.point,
    isMostlyDead,
  });
  return packs.state === 'lost' ? [] : packs.copied;
}

/** Rule 5: true for a pack that would have to be extended, but is used so little that copying is better. */
function deathTest(
  { startedAt }: RunRow,
  leaseUntil: Date,
  { copyBelow, slackHours }: LeasePolicy,
): (row: PackRow, usedBytes: number) => boolean {
  // The bytes must stay readable for as long as the run may take.
  const readableUntil = new Date(startedAt.getTime() + slackHours * 3_600_000);
  return ({ state, damaged, versionId, bytes = 0, lockedUntil = new Date(0) }, usedBytes) =>
    state === 'live' &&
    damaged !== true &&
    versionId !== undefined &&
    usedBytes < copyBelow * bytes &&
    lockedUntil < leaseUntil &&
    lockedUntil >= readableUntil;
}

/**
 * Lists packs of a base that verification has marked, whatever their lock says (rule 12). Costs in proportion to the
 * damage that the vault has, not to the base.
 */
async function* damagedPacks(catalog: Pick<Catalog, 'packs'>, packMap: TreeReader): AsyncGenerator<PackId> {
  for await (const { packId, kind } of catalog.packs.listDamaged()) {
    if (kind !== 'pages' && (await packMap.find(packKey(packId))) !== undefined) yield packId;
  }
}
