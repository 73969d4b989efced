import * as z from 'zod';
import type { PackId } from '../ids.ts';
import { countPageBytes, noPageBytes, PageBytes } from '../manifest/page-bytes.ts';
import type { PageRef, PageSource } from '../manifest/page-store.ts';
import type { PagePackRecord } from '../points/root.ts';
import type { RunPlan } from './run-plan.ts';

/** Stored bytes of page packs that a point's two maps use, as far as they are counted. Plain JSON. */
export const UsedPages = z.object({ manifest: PageBytes, packMap: PageBytes });
export type UsedPages = z.infer<typeof UsedPages>;

export function noUsedPages(): UsedPages {
  return { manifest: noPageBytes(), packMap: noPageBytes() };
}

/**
 * Counts how much of each page pack a point's two maps use, as far as the time of a call goes.
 * @param used - where an earlier call left off; moved on.
 */
export async function countUsedPages(
  source: PageSource,
  roots: Readonly<Record<keyof UsedPages, PageRef | undefined>>,
  used: UsedPages,
  shouldStop: () => boolean = () => false,
): Promise<ReadonlyMap<PackId, number> | 'unfinished'> {
  const sums = new Map<PackId, number>();
  for (const tree of ['manifest', 'packMap'] as const) {
    const counted = used[tree];
    if (!counted.isDone) {
      await countPageBytes(source, roots[tree], counted, shouldStop);
      if (!counted.isDone || shouldStop()) return 'unfinished';
    }
    for (const [packId, bytes] of Object.entries(counted.bytes) as [PackId, number][])
      sums.set(packId, (sums.get(packId) ?? 0) + bytes);
  }
  return sums;
}

/** Most page packs that a point may name without a count of those that it still needs. */
const uncountedLimit = 32;

/**
 * Decides which page packs a root names. An exact count of the needed ones costs reading every inner page, so it is
 * done only when the list has doubled since the last count, or was never short. In between, packs that may no longer be
 * needed stay on the list, which keeps a little too much and never too little. It is done as well when pages were
 * written anew, so that the packs that they lay in go.
 * @param known - every pack that may hold a page of the point.
 * @param listNeeded - reads the inner pages of both maps, as far as the time of a call goes.
 */
export async function choosePagePacks(
  plan: Pick<RunPlan, 'base' | 'rewrittenPagePacks'>,
  known: readonly PagePackRecord[],
  listNeeded: () => Promise<Pick<ReadonlySet<PackId>, 'has'> | 'unfinished'>,
): Promise<{ pagePacks: PagePackRecord[]; pagePacksCounted: number } | 'unfinished'> {
  const counted = plan.base?.pagePacksCounted ?? 0;
  if (plan.rewrittenPagePacks.length === 0 && known.length <= uncountedLimit + 2 * counted)
    return { pagePacks: [...known], pagePacksCounted: counted };
  const needed = await listNeeded();
  if (needed === 'unfinished') return 'unfinished';
  const pagePacks = known.filter(({ pack }) => needed.has(pack));
  return { pagePacks, pagePacksCounted: pagePacks.length };
}
