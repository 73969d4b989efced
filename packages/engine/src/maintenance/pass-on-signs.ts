import type { PointId, ResourceArn } from '../ids.ts';
import { isKept } from '../points/kept-point.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { KeptSigns } from '../ports/catalog/points.ts';
import { findSignsToKeep } from '../signs/point-signs.ts';

/**
 * Notes signs of an attack that would not be known any more without a point, on points of its resource that stay. To be
 * called before it is removed; repeatable. All that is about to go is noted at once, so that calls for several points
 * at a time note the same, and one is enough for all of them.
 * @returns points that are about to go, whose signs have been noted where that was needed.
 */
export async function passOnSigns(
  catalog: Pick<Catalog, 'points'>,
  resourceArn: ResourceArn,
  now: Date,
): Promise<ReadonlySet<PointId>> {
  const points = await Array.fromAsync(catalog.points.list(resourceArn));
  const toKeep = findSignsToKeep(points, (point) => isKept(point, now));
  const going = new Set(points.flatMap((point) => (isKept(point, now) ? [] : point.pointId)));
  for (const [pointId, added] of toKeep) {
    // Anew: while the list was read, another call may have noted signs here of a point that the list has no more.
    const row = await catalog.points.find(pointId);
    if (row === undefined) continue;
    const { keptSigns = [] } = row;
    const missing = added.filter((one) => !keptSigns.some((kept) => kept.pointId === one.pointId));
    const noted = notedOf(pointId, [...keptSigns, ...missing]);
    if (missing.some((one) => noted.includes(one))) await catalog.points.noteSigns(pointId, noted);
  }
  return going;
}

/**
 * Its own, and of others the first and the last: until when later points are suspect the last says. Each may name long
 * paths, and a row of DynamoDB has 400 KB: with all of them it could not be written any more, and nothing would expire.
 */
function notedOf(pointId: PointId, signs: readonly KeptSigns[]): readonly KeptSigns[] {
  const own = signs.filter((one) => one.pointId === pointId);
  const others = signs.filter((one) => one.pointId !== pointId);
  others.sort((a, b) => Date.parse(a.sourceTime) - Date.parse(b.sourceTime));
  return [...own, ...others.slice(0, 1), ...others.slice(1).slice(-1)];
}
