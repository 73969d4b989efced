import { isKept } from '../points/kept-point.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import { findSignsToKeep } from '../signs/point-signs.ts';

/**
 * Notes signs of an attack that would not be known any more without a point, on points of its resource that stay. To be
 * called before it is removed; repeatable. All that is about to go is noted at once, so that calls for several points
 * at a time note the same.
 */
export async function passOnSigns(
  catalog: Pick<Catalog, 'points'>,
  { resourceArn }: Pick<PointRow, 'resourceArn'>,
  now: Date,
): Promise<void> {
  const points = await Array.fromAsync(catalog.points.list(resourceArn));
  const toKeep = findSignsToKeep(points, (point) => isKept(point, now));
  for (const [pointId, added] of toKeep) {
    // Anew: while the list was read, another call may have noted signs here of a point that the list has no more.
    const row = await catalog.points.find(pointId);
    if (row === undefined) continue;
    const { keptSigns = [] } = row;
    const missing = added.filter((one) => !keptSigns.some((kept) => kept.pointId === one.pointId));
    if (missing.length > 0) await catalog.points.noteSigns(pointId, [...keptSigns, ...missing]);
  }
}
