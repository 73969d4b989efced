import { hash } from 'node:crypto';
import type { HoldId } from '../ids.ts';
import { coversPoint } from '../holds/hold-scope.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PointRow } from '../ports/catalog/points.ts';

/**
 * Finds the holds of a point that the store holds and the catalog has lost: those of the catalog that fit it and are
 * not released. Where no hold, released or not, fits, one is made that says so, under an id that depends on the point
 * alone: what was held must not expire because a table was lost.
 * Costs a listing of all holds.
 */
export async function recoverHolds(
  catalog: Pick<Catalog, 'resources' | 'holds'>,
  point: PointRow,
  now: Date,
): Promise<readonly HoldId[]> {
  const resource = await catalog.resources.find(point.resourceArn);
  const active: HoldId[] = [];
  let released = 0;
  for await (const hold of catalog.holds.list()) {
    if (!coversPoint(hold.scope, point, resource?.tags ?? {})) continue;
    if (hold.releasedAt === undefined) active.push(hold.holdId);
    else released += 1;
  }
  if (active.length > 0 || released > 0) return active;
  const holdId = hash('sha256', `hold of ${point.pointId}`, 'hex').slice(0, 32) as HoldId;
  await catalog.holds.put({
    holdId,
    scope: { kind: 'point', pointId: point.pointId },
    setBy: 'holdfast',
    reason:
      'the vault holds the point, the catalog had lost the hold; release it when you know that nobody needs it',
    setAt: now,
  });
  return [holdId];
}
