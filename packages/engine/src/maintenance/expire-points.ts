import { ObjectLockedError, ObjectNotFoundError } from '../errors.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PointId, ResourceArn } from '../ids.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { ifThere } from '../if-there.ts';
import { passOnSigns } from './pass-on-signs.ts';
import { workThrough, type StepFailures, type StepOptions } from './work-through.ts';

const expiredAtOnce = 8;

export interface ExpireServices {
  readonly store: ObjectStore;
  readonly catalog: Pick<Catalog, 'points'>;
  /**
   * Runs before a root goes: removes its snapshots, tells the audit log. Repeatable. `in-use`: some of that is needed
   * by others, so the root stays, and all of it is tried again another day. @default nothing
   */
  readonly beforeRemoval?: (point: PointRow) => Promise<'done' | 'in-use'>;
}

/**
 * `kept`: it is not due, or held. `locked`: the store still refuses to delete its root. `inUse`: others need something
 * that would have to go with it.
 */
export type ExpireOutcome = 'expired' | 'kept' | 'locked' | 'inUse';

/**
 * Removes a point whose retention has ended and that nobody holds: `expiring` → `beforeRemoval` → its root → its row.
 * Its packs stay until their leases end. From `expiring` on nobody can hold it, prolong it or build on it.
 * A root that the store locks for longer than the catalog says puts the catalog right: the later date counts.
 * Any number of callers may have the same point, and any call may be the last one before a crash: call it again.
 * @param now - the store's clock.
 */
export async function expirePoint(
  { store, catalog, beforeRemoval }: ExpireServices,
  point: PointRow,
  now: Date,
): Promise<ExpireOutcome> {
  const { pointId } = point;
  const before = await ifThere(store.head(point.rootName, { versionId: point.rootVersionId }));
  if (before?.lock !== undefined && before.lock.until > now) {
    const prolonged = await catalog.points.prolong(pointId, before.lock.until);
    return prolonged === 'prolonged' ? 'kept' : 'locked';
  }
  const row = await catalog.points.startExpiring(pointId, now);
  if (row === 'kept') return 'kept';
  if ((await beforeRemoval?.(row)) === 'in-use') return 'inUse';
  if (!(await removeRoot(store, row))) return 'locked';
  await catalog.points.remove(pointId);
  return 'expired';
}

export interface ExpireReport {
  readonly expired: number;
  readonly kept: number;
  readonly locked: number;
  readonly inUse: number;
  readonly failures: StepFailures;
}

/**
 * Removes all points whose retention has ended, in no order, until none is left or the time is up. What is done is
 * done: the next call goes on with the rest. Safe to run any number of times at once. Held points are passed over.
 * Signs of an attack that only they have are noted on points that stay.
 */
export async function expirePoints(
  services: ExpireServices,
  options: StepOptions = {},
): Promise<ExpireReport & { readonly done: boolean }> {
  const { store, catalog } = services;
  const now = await store.now();
  const passOn = passOnOnce(catalog, now);
  const passingOn: ExpireServices = {
    ...services,
    beforeRemoval: async (point) => {
      await passOn(point);
      return (await services.beforeRemoval?.(point)) ?? 'done';
    },
  };
  const counts = { expired: 0, kept: 0, locked: 0, inUse: 0 };
  const worked = await workThrough(
    {
      items: catalog.points.listExpiring({ to: now }),
      atOnce: expiredAtOnce,
      nameOf: ({ pointId }) => `point ${pointId}`,
      work: async (point) => {
        const outcome = point.holds === undefined ? await expirePoint(passingOn, point, now) : 'kept';
        counts[outcome] += 1;
      },
    },
    options,
  );
  return { ...counts, ...worked };
}

/** Passes signs on with one look at a resource, however many of its points go: a look notes those of all that go. */
function passOnOnce(catalog: ExpireServices['catalog'], now: Date): (point: PointRow) => Promise<void> {
  const looks = new Map<ResourceArn, Promise<ReadonlySet<PointId>>>();
  return async ({ resourceArn, pointId }) => {
    const known = looks.get(resourceArn);
    // Where it was to stay then, because somebody held it, its own signs are noted nowhere yet.
    if (known !== undefined && (await known).has(pointId)) return;
    const look = passOnSigns(catalog, resourceArn, now);
    looks.set(resourceArn, look);
    try {
      await look;
    } catch (error) {
      if (looks.get(resourceArn) === look) looks.delete(resourceArn);
      throw error;
    }
  };
}

/** @returns whether the root is gone. */
async function removeRoot(store: ObjectStore, point: PointRow): Promise<boolean> {
  const { rootName, rootVersionId } = point;
  try {
    await store.removeVersion(rootName, rootVersionId);
    return true;
  } catch (error) {
    if (!(error instanceof ObjectLockedError)) throw error;
  }
  // Rule 9: the hold set is empty, or the point would not be expiring; so the flag is what a released hold left.
  if ((await ifThere(store.head(rootName, { versionId: rootVersionId })))?.legalHold !== true) return false;
  try {
    await store.setLegalHold(rootName, rootVersionId, false);
    await store.removeVersion(rootName, rootVersionId);
    return true;
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return true;
    if (error instanceof ObjectLockedError) return false;
    throw error;
  }
}
