import type { ResourceArn } from '../ids.ts';
import type { BackupType, Catalog, PointRow } from '../ports/catalog.ts';

/** Against what a run detects changes. */
export interface BaseChoice {
  /** What will be done: a full where the asked type has nothing to build on. */
  readonly type: BackupType;
  /** Why `type` is not what was asked for. */
  readonly reason?: string;
  readonly base?: PointRow;
}

/**
 * Chooses the base of a run:
 * full: none · incremental: the newest point by source time · differential: the full of the newest point's chain ·
 * synthetic full: the newest point, out of the vault. Expired points are never a base.
 * @param now - the store's clock.
 */
export async function chooseBase(
  catalog: Catalog,
  resourceArn: ResourceArn,
  type: BackupType,
  now: Date,
): Promise<BaseChoice> {
  if (type === 'full') return { type };
  const newest = await findNewest(catalog, resourceArn, now);
  if (newest === undefined) return { type: 'full', reason: 'the resource has no recovery point to build on' };
  if (type !== 'differential' || newest.pointId === newest.chainPointId) return { type, base: newest };
  const full = await catalog.findPoint(newest.chainPointId);
  if (full === undefined || full.expiresAt <= now) {
    return { type: 'full', reason: `the full ${newest.chainPointId} of the chain has expired` };
  }
  return { type, base: full };
}

async function findNewest(catalog: Catalog, resourceArn: ResourceArn, now: Date): Promise<PointRow | undefined> {
  let newest: PointRow | undefined;
  for await (const point of catalog.listPoints(resourceArn)) {
    if (newest !== undefined && point.sourceTime < newest.sourceTime) break;
    // A container has the source time of what it was made of; being whole, it is the better base.
    if (point.expiresAt > now && (newest === undefined || point.committedAt > newest.committedAt)) newest = point;
  }
  return newest;
}
