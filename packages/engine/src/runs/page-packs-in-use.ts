import type { PackId } from '../ids.ts';
import type { PagePackRecord } from '../points/root.ts';
import type { RunPlan } from './run-plan.ts';

/** Most page packs that a point may name without a count of those that it still needs. */
const uncountedLimit = 32;

/**
 * Decides which page packs a root names. An exact count of the needed ones costs reading every inner page, so it is
 * done only when the list has doubled since the last count, or was never short. In between, packs that may no longer be
 * needed stay on the list, which keeps a little too much and never too little. It is done as well when pages were
 * written anew, so that the packs that they lay in go.
 * @param known - every pack that may hold a page of the point.
 * @param listNeeded - reads the inner pages of both maps.
 */
export async function choosePagePacks(
  plan: Pick<RunPlan, 'base' | 'rewrittenPagePacks'>,
  known: readonly PagePackRecord[],
  listNeeded: () => Promise<ReadonlySet<PackId>>,
): Promise<{ pagePacks: PagePackRecord[]; pagePacksCounted: number }> {
  const counted = plan.base?.pagePacksCounted ?? 0;
  if (plan.rewrittenPagePacks.length === 0 && known.length <= uncountedLimit + 2 * counted)
    return { pagePacks: [...known], pagePacksCounted: counted };
  const needed = await listNeeded();
  const pagePacks = known.filter(({ pack }) => needed.has(pack));
  return { pagePacks, pagePacksCounted: pagePacks.length };
}
