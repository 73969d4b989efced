import type { ResourceArn } from '../ids.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import { findSuspicions } from '../signs/point-signs.ts';
import { isDegraded } from './unread.ts';

/** One of a resource's points: the newest that fits. */
export interface PointChoice {
  /** Not later than that. */
  readonly time?: Date | undefined;
  /** It has everything, no entry that it carries or lacks, and nothing about it speaks of an attack. @default false */
  readonly isClean?: boolean | undefined;
}

/** True while what a point needs is kept: its retention has not ended, or somebody holds it. */
export function isKept(
  { expiresAt, expiring, holds = [] }: Pick<PointRow, 'expiresAt' | 'expiring' | 'holds'>,
  now: Date,
): boolean {
  return expiring !== true && (expiresAt > now || holds.length > 0);
}

/** Finds the newest point of a resource that fits. One that is not kept any more may have lost what it needs. */
export async function findKeptPoint(
  catalog: Pick<Catalog, 'points'>,
  resourceArn: ResourceArn,
  { time, isClean = false }: PointChoice,
  now: Date,
): Promise<PointRow | undefined> {
  if (isClean) return findQuietPoint(catalog, resourceArn, time, now);
  for await (const point of catalog.points.list(resourceArn, { to: time }))
    if (isKept(point, now)) return point;
  return undefined;
}

/** Reads all rows before the time: what is usual for a resource, they say together. */
async function findQuietPoint(
  catalog: Pick<Catalog, 'points'>,
  resourceArn: ResourceArn,
  time: Date | undefined,
  now: Date,
): Promise<PointRow | undefined> {
  const points = await Array.fromAsync(catalog.points.list(resourceArn, { to: time }));
  const suspicions = findSuspicions(points);
  return points.find((point) => isKept(point, now) && !isDegraded(point) && !suspicions.has(point.pointId));
}

/**
 * Finds the clean point that stands in for a degraded one: the newest that is not later, else the next one. It is
 * kept. `undefined` where the resource has none.
 */
export async function findCleanPoint(
  catalog: Pick<Catalog, 'points'>,
  { resourceArn, sourceTime }: Pick<PointRow, 'resourceArn' | 'sourceTime'>,
  now: Date,
): Promise<PointRow | undefined> {
  let later: PointRow | undefined;
  for await (const point of catalog.points.list(resourceArn)) {
    if (!isKept(point, now) || isDegraded(point)) continue;
    if (point.sourceTime <= sourceTime) return point;
    later = point;
  }
  return later;
}
