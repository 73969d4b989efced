import type { Catalog } from '../ports/catalog/catalog.ts';
import type { HoldScope } from '../model/machines/hold.ts';
import { checkCovers, listCovered } from './hold-scope.ts';
import { heldUntil } from './held-until.ts';

export interface HoldPlan {
  readonly points: number;
  /** Points that would expire soon: their locks are moved, and no release moves them back. */
  readonly prolonged: number;
  /** The latest date to which one of them would be locked. */
  readonly prolongedUntil?: Date | undefined;
}

/**
 * Counts what a hold would do, before it is set. Reads the catalog alone, a query for each resource.
 * @throws {@link UnknownNameError} it would keep nothing, now or later.
 */
export async function planHold(
  catalog: Pick<Catalog, 'resources' | 'points'>,
  scope: HoldScope,
  now: Date,
): Promise<HoldPlan> {
  await checkCovers(catalog, scope);
  let [points, prolonged] = [0, 0];
  let prolongedUntil: Date | undefined;
  for await (const { resourceArn, expiresAt } of listCovered(catalog, scope)) {
    points += 1;
    const { enough, until } = heldUntil(now, resourceArn);
    if (expiresAt >= enough) continue;
    prolonged += 1;
    if (prolongedUntil === undefined || until > prolongedUntil) prolongedUntil = until;
  }
  return { points, prolonged, prolongedUntil };
}
