import * as z from 'zod';
import { newId } from '../bytes.ts';
import { forEachConcurrent } from '../map-concurrent.ts';
import { safety } from '../model/safety.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { PackId, RunId } from '../ids.ts';
import { packKey } from '../manifest/pack-map.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import { createPageReader, readPackMap } from '../points/point-pages.ts';
import type { TreeReader } from '../manifest/tree-reader.ts';
import type { PagePackRecord, Root } from '../points/root.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { RunRow } from '../ports/catalog/runs.ts';
import type { WorkStore } from '../ports/work-store.ts';
import type { RunServices } from '../services.ts';
import { findJson, putJson } from '../work-json.ts';
import { leasePolicyFor, lockDates, type LeasePolicy } from './generation.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import {
  areTooManyUnleased,
  defaultPacksAtOnce,
  leasePackMap,
  LookedAtPacks,
  noneLookedAt,
  type LookOptions,
} from './lease-pack-map.ts';
import { leasePagePacks } from './lease-page-packs.ts';
import { UsedPages } from './page-packs-in-use.ts';
import { runPrefix } from './run-plan.ts';
import { putUsage } from './usage-runs.ts';
import { dayMs, hourMs } from '../model/time.ts';

/** Marked packs that are looked for in a pack map at a time. */
const lookUpsAtOnce = 16;

export type LeasedBase =
  | {
      readonly state: 'leased';
      readonly pagePacks: PagePackRecord[];
      readonly pagePacksCounted: number;
      /** Packs that could not be leased: their chunks are read from the source. */
      readonly unleasedPacks: PackId[];
      /** Mostly dead packs that are given up: their chunks are copied (rule 5). */
      readonly copiedPacks: PackId[];
      /** Mostly dead page packs that are given up: their pages are written anew. */
      readonly rewrittenPagePacks: PackId[];
      /** Runs of deltas with the new dates of its packs, for the new point's pack map. */
      readonly leases: string[];
    }
  | { readonly state: 'lost'; readonly reason: string }
  /** Another call has to go on. */
  | { readonly state: 'unfinished' };

const LeasingState = z.object({
  base: z.string(),
  packs: LookedAtPacks,
  leases: z.array(z.string()),
  /** Bytes of page packs in use, once these have to be extended. */
  usedPages: UsedPages.optional(),
  /** The last pack looked up of those that verification has marked. */
  damagedAfter: z
    .string()
    .transform((text) => text as PackId)
    .optional(),
});
type LeasingState = z.infer<typeof LeasingState>;

/**
 * Leases everything of a base to the run's date (rule 4): every page pack, and of the packs of chunks those
 * whose lock is shorter, to which the smallest dates in the pack map lead. A pack of which less than the policy's share
 * is used is given up instead, if its lock outlasts the run (rule 5). New dates are written down for the new point's
 * pack map. For a synthetic full, which only reads its base, everything has to last two weeks.
 *
 * Takes any number of calls: each leases a batch of packs at least. Repeatable: leases that were moved are in the catalog,
 * and who repeats a call that was killed goes on from the last one that handed on. After the packs of chunks come those of
 * pages, and what verification has marked. Each attempt names what it writes anew, so that of attempts at the same time
 * none mixes with another.
 */
export async function leaseBase(
  services: RunServices,
  keys: VaultKeys,
  root: Root,
  row: RunRow,
  policy: LeasePolicy = leasePolicyFor(35),
  options: LookOptions = {},
): Promise<LeasedBase> {
  const { catalog, store, work } = services;
  const { leaseUntil, makeKeeper, isMostlyDead } = leasingRules(services, row, policy);
  const source = createPageReader(store, keys, root.pagePacks);
  const packMap = readPackMap(keys, source, root);

  const state = await findLeasing(work, row.runId, root);
  const { packs, leases } = state;
  const handOn = async (): Promise<LeasedBase> => {
    await putJson(work, leasingName(row.runId), state);
    return { state: 'unfinished' };
  };
  const lost = (what: string): LeasedBase => {
    return { state: 'lost', reason: `${what} of the base ${root.point} cannot be leased any more` };
  };
  if (!packs.isDone) {
    const part = `leases-${newId(services.random)}`;
    const how = { catalog, keeperOfBatch: makeKeeper, packMap, leaseUntil, isMostlyDead };
    await putUsage(work, row.runId, part, leasePackMap({ ...how, ...options }, packs));
    leases.push(part);
    if (areTooManyUnleased(packs)) return lost(`at least ${packs.unleased.length} packs`);
    if (!packs.isDone || options.shouldStop?.() === true) return handOn();
  }
  const copied = new Set(packs.copied);
  const isContainerNeeded = async (packId: PackId): Promise<boolean> =>
    !copied.has(packId) && (await packMap.find(packKey(packId))) !== undefined;
  const pages = await leasePagePacks({
    catalog,
    keeper: makeKeeper(),
    root,
    source,
    used: state.usedPages,
    isMostlyDead,
    isContainerNeeded,
    ...options,
  });
  if (pages.state === 'lost') return lost(`page pack ${pages.packId}`);
  if (pages.state === 'unfinished') {
    state.usedPages = pages.used;
    return handOn();
  }
  if (!(await findDamaged(catalog, packMap, state, options))) return handOn();
  if (areTooManyUnleased(packs)) return lost(`at least ${packs.unleased.length} packs`);
  return {
    state: 'leased',
    pagePacks: pages.pagePacks,
    pagePacksCounted: pages.counted ?? root.pagePacksCounted,
    unleasedPacks: [...new Set(packs.unleased)],
    copiedPacks: [...copied],
    rewrittenPagePacks: pages.rewritten,
    leases,
  };
}

/** The date that a run leases its base to, and what is done for it: more for a base that it builds on than for one that it reads. */
function leasingRules(services: RunServices, row: RunRow, policy: LeasePolicy) {
  if (row.requestedType !== 'synthetic-full') {
    const { leaseUntil } = row;
    const lockDateOf = lockDates(leaseUntil, policy, resourceKeyOf(row.resourceArn));
    const { retentionClass } = policy;
    const makeKeeper = (): LeaseKeeper =>
      new LeaseKeeper({ ...services, leaseUntil, lockDateOf, retentionClass });
    return { leaseUntil, makeKeeper, isMostlyDead: deathTest(row, leaseUntil, policy) };
  }
  const readUntil = new Date(row.startedAt.getTime() + safety.baseReadingDays * dayMs);
  const leaseUntil = readUntil < row.leaseUntil ? readUntil : row.leaseUntil;
  const makeKeeper = (): LeaseKeeper => new LeaseKeeper({ ...services, leaseUntil });
  return { leaseUntil, makeKeeper, isMostlyDead: () => false };
}

/** @returns where an earlier call left off, if it was the same base that it leased. */
async function findLeasing(work: WorkStore, runId: RunId, root: Root): Promise<LeasingState> {
  const state = await findJson(work, leasingName(runId), LeasingState);
  if (state?.base === root.point) return state;
  return { base: root.point, packs: noneLookedAt(), leases: [] };
}

function leasingName(runId: RunId): string {
  return `${runPrefix(runId)}leasing.json`;
}

/**
 * Lists the mostly dead packs that a resource's newest point would have to extend: a full, which has no base, must not find
 * its chunks there either, or it would keep them for one more generation. When the time of a call is up, those that it
 * has found: it costs no more than that the others are extended.
 */
export async function listMostlyDeadPacks(
  { catalog, store }: RunServices,
  keys: VaultKeys,
  root: Root,
  row: RunRow,
  policy: LeasePolicy,
  options: LookOptions = {},
): Promise<readonly PackId[]> {
  if (policy.copyBelow === 0) return [];
  const source = createPageReader(store, keys, root.pagePacks);
  const packMap = readPackMap(keys, source, root);
  const isMostlyDead = deathTest(row, row.leaseUntil, policy);
  const packs = noneLookedAt();
  const how = { catalog, packMap, leaseUntil: row.leaseUntil, isMostlyDead };
  // Without a keeper there are no new dates to be taken.
  await leasePackMap({ ...how, ...options }, packs).next();
  return packs.copied;
}

/** Rule 5: true for a pack that would have to be extended, but is used so little that copying is better. */
function deathTest(
  { startedAt }: RunRow,
  leaseUntil: Date,
  { copyBelow, slackHours }: LeasePolicy,
): (row: PackRow, usedBytes: number) => boolean {
  // The bytes must stay readable for as long as the run may take.
  const readableUntil = new Date(startedAt.getTime() + slackHours * hourMs);
  return ({ state, damaged, versionId, bytes = 0, lockedUntil = new Date(0) }, usedBytes) =>
    state === 'live' &&
    damaged !== true &&
    versionId !== undefined &&
    usedBytes < copyBelow * bytes &&
    lockedUntil < leaseUntil &&
    lockedUntil >= readableUntil;
}

/**
 * Adds the packs of a base that verification has marked, whatever their lock says (rule 12), to those that are not
 * leased, as far as the time of a call goes. Costs in proportion to the damage that the vault has, not to the base.
 * @returns true when done.
 */
async function findDamaged(
  catalog: Pick<Catalog, 'packs'>,
  packMap: TreeReader,
  state: LeasingState,
  { shouldStop, packsAtOnce = defaultPacksAtOnce }: LookOptions,
): Promise<boolean> {
  const marked: PackId[] = [];
  for await (const { packId, kind } of catalog.packs.listDamaged()) if (kind !== 'pages') marked.push(packId);
  const { damagedAfter, packs } = state;
  const left = marked.filter((packId) => damagedAfter === undefined || packId > damagedAfter).sort();
  for (let start = 0; start < left.length; start += packsAtOnce) {
    const some = left.slice(start, start + packsAtOnce);
    await forEachConcurrent(some, lookUpsAtOnce, async (packId) => {
      if ((await packMap.find(packKey(packId))) !== undefined) packs.unleased.push(packId);
    });
    state.damagedAfter = some.at(-1);
    if (areTooManyUnleased(packs)) return true;
    if (shouldStop?.() === true) return false;
  }
  return true;
}
