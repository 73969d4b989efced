import type { PointId, ResourceArn } from '../ids.ts';
import type { BackupType } from '../model/backup-type.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PointRow } from '../ports/catalog/points.ts';

/** The point against which a run detects changes. */
export interface BaseChoice {
  /** The type of the run: a full where the asked type has nothing to build on. */
  readonly type: BackupType;
  /** Reason why `type` is not the type asked for. */
  readonly reason?: string;
  readonly base?: PointRow;
}

/**
 * Chooses the base of a run:
 * full: none · incremental: the newest point by source time · differential: the full of the newest point's chain ·
 * synthetic full: the newest point, out of the vault. Expired points are never a base, and neither are containers in an
 * archive class.
 * @param now - the store's clock.
 * @param only - for a synthetic full of a point that somebody named.
 */
export async function chooseBase(
  catalog: Pick<Catalog, 'points'>,
  resourceArn: ResourceArn,
  type: BackupType,
  now: Date,
  only?: PointId,
): Promise<BaseChoice> {
  if (type === 'full') return { type };
  if (only !== undefined) {
    const point = await catalog.points.find(only);
    return point !== undefined && point.resourceArn === resourceArn && isUsable(point, now)
      ? { type, base: point }
      : { type: 'full', reason: `the point ${only} has expired, or is not one of ${resourceArn}` };
  }
  const newest = await findNewest(catalog, resourceArn, now);
  if (newest === undefined) return { type: 'full', reason: 'the resource has no recovery point to build on' };
  if (type !== 'differential' || newest.pointId === newest.chainPointId) return { type, base: newest };
  const full = await catalog.points.find(newest.chainPointId);
  if (full === undefined || full.expiresAt <= now) {
    return { type: 'full', reason: `the full ${newest.chainPointId} of the chain has expired` };
  }
  return { type, base: full };
}

/**
 * The newest point that a run can build on.
 * @param now - the store's clock.
 */
export async function findNewest(
  catalog: Pick<Catalog, 'points'>,
  resourceArn: ResourceArn,
  now: Date,
): Promise<PointRow | undefined> {
  for await (const point of newestPoints(catalog, resourceArn)) if (isUsable(point, now)) return point;
  return undefined;
}

function isUsable({ expiresAt, expiring, archiveClass }: PointRow, now: Date): boolean {
  return expiresAt > now && expiring !== true && archiveClass === undefined;
}

/**
 * Points of a resource, newest first: by source time, and of one source time the one that was committed last. A
 * container has the source time of the point it was made of; being whole, it is the better base.
 * Memory: the points of one source time.
 */
export async function* newestPoints(
  catalog: Pick<Catalog, 'points'>,
  resourceArn: ResourceArn,
): AsyncGenerator<PointRow> {
  let sameTime: PointRow[] = [];
  for await (const point of catalog.points.list(resourceArn)) {
    const [first] = sameTime;
    if (first !== undefined && point.sourceTime < first.sourceTime) {
      yield* sameTime.sort(byCommit);
      sameTime = [];
    }
    sameTime.push(point);
  }
  yield* sameTime.sort(byCommit);
}

/** A store's clock may count whole seconds: within one second, a container was made after its original. */
function byCommit(a: PointRow, b: PointRow): number {
  return b.committedAt.getTime() - a.committedAt.getTime() || rankOf(b) - rankOf(a);
}

function rankOf({ type }: PointRow): number {
  return type === 'synthetic-full' ? 1 : 0;
}
