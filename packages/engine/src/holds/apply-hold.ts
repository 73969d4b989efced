import { isDamage, ObjectNotFoundError, StoredBytesDamagedError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { prolongPoint } from '../maintenance/prolong-point.ts';
import {
  addFailures,
  failureOf,
  noFailures,
  workThrough,
  type StepFailures,
  type StepOptions,
} from '../maintenance/work-through.ts';
import { containerName } from '../packs/object-names.ts';
import { readRoot } from '../points/root-store.ts';
import type { HoldRow } from '../ports/catalog/holds.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import { heldUntil } from './held-until.ts';
import { listCovered } from './hold-scope.ts';
import type { HoldServices } from './set-hold.ts';

const pointsAtOnce = 4;

export type ApplyHoldServices = Pick<HoldServices, 'store' | 'catalog' | 'lockMode'>;

export interface ApplyHoldOptions extends StepOptions {
  /**
   * The call before ended by itself, not by a crash: points that have the hold are done. @default false: every point is
   * looked at, so that what a crash left half done is finished
   */
  readonly isContinued?: boolean;
}

export interface AppliedHold {
  readonly held: number;
  /** Points that could not be held any more: they were being removed. */
  readonly gone: number;
  /**
   * Points of which something is lost: packs, or the root or pages that say which packs they need. What is left is
   * held as far as it can be. They stop nothing else, as no later day can do better.
   */
  readonly damaged: StepFailures;
  readonly failures: StepFailures;
}

/**
 * Takes a hold to all points that it covers now (rule 9 of docs/leases.md). For each: the hold's id into the point's
 * set, and into the set of its own container's row; the store's flag on the root and on that container; then a lease
 * pass over all that the point needs. Packs that are shared are kept by leases alone, never by the flag: the store has
 * one flag for all who hold, and whoever switched it off would let go of what others hold.
 *
 * Repeatable; any call may be the last one before a crash. A hold that has been released in the meantime is taken out of
 * the sets again, so that a late repetition holds nothing.
 */
export async function applyHold(
  services: ApplyHoldServices,
  keys: VaultKeys,
  hold: HoldRow,
  options: ApplyHoldOptions = {},
): Promise<AppliedHold & { readonly done: boolean }> {
  const { catalog } = services;
  const counts = { held: 0, gone: 0 };
  let damaged = noFailures;
  const left = async function* (): AsyncGenerator<PointRow> {
    for await (const point of listCovered(catalog, hold.scope))
      if (options.isContinued !== true || point.holds?.includes(hold.holdId) !== true) yield point;
  };
  const worked = await workThrough(
    {
      items: left(),
      atOnce: pointsAtOnce,
      nameOf,
      work: async (point) => {
        try {
          counts[await holdPoint(services, keys, hold, point)] += 1;
        } catch (error) {
          if (!isDamage(error)) throw error;
          damaged = addFailures(damaged, failureOf(nameOf(point), error));
        }
      },
    },
    options,
  );
  return { ...counts, damaged, ...worked };
}

async function holdPoint(
  services: ApplyHoldServices,
  keys: VaultKeys,
  { holdId }: HoldRow,
  point: PointRow,
): Promise<'held' | 'gone'> {
  const { catalog, store } = services;
  if ((await catalog.points.addHold(point.pointId, holdId)) === 'gone') return 'gone';
  await store.setLegalHold(point.rootName, point.rootVersionId, true);
  const { root } = await readRoot(store, keys, point.resourceArn, point.pointId, point.rootVersionId);
  const container = root.container?.pack;
  if (container !== undefined && (await catalog.packs.addHold(container, holdId)) === 'held')
    await switchOn(services, containerName(container));
  await keepForNow(services, keys, point);
  // Released while this call was at it: its release may have passed over this point before the id was in the set.
  if ((await catalog.holds.find(holdId))?.releasedAt === undefined) return 'held';
  await catalog.points.removeHold(point.pointId, holdId);
  if (container !== undefined) await catalog.packs.removeHold(container, holdId);
  return 'held';
}

async function switchOn({ store }: ApplyHoldServices, name: string): Promise<void> {
  try {
    await store.setLegalHold(name, (await store.head(name)).versionId, true);
  } catch (error) {
    // A container that is lost is damage, which verification reports; the hold on the rest stands.
    if (!(error instanceof ObjectNotFoundError)) throw error;
  }
}

/** A point that would expire before maintenance looks at it again is prolonged at once. */
async function keepForNow(services: ApplyHoldServices, keys: VaultKeys, point: PointRow): Promise<void> {
  const { enough, until } = heldUntil(await services.store.now(), point.resourceArn);
  if (point.expiresAt >= enough) return;
  const outcome = await prolongPoint(services, keys, point, { expiresAt: until });
  const lost = 'lost' in outcome ? outcome.lost : { count: 0, packIds: [] };
  if (lost.count === 0) return;
  const what = `${lost.count} of the packs that it needs are gone, ${lost.packIds.join(', ')}`;
  throw new StoredBytesDamagedError(`point ${point.pointId}`, what);
}

function nameOf({ pointId }: PointRow): string {
  return `point ${pointId}`;
}
