import * as z from 'zod';
import { isDamage, StoredBytesDamagedError } from '../errors.ts';
import type { PointId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import {
  prolongPoint,
  ProlongProgress,
  type ProlongOptions,
  type ProlongOutcome,
} from '../maintenance/prolong-point.ts';
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
import { ifThere } from '../if-there.ts';
import { heldUntil } from './held-until.ts';
import { CoveredPlace, listCovered } from './hold-scope.ts';
import type { HoldServices } from './set-hold.ts';

const pointsAtOnce = 4;

export type ApplyHoldServices = Pick<HoldServices, 'store' | 'catalog' | 'lockMode'>;

/** Progress of applying a hold. Plain JSON: at most as many points as are worked off at once, and a place. */
export const HoldProgress = z.object({
  /** The last point that was begun. */
  after: CoveredPlace.optional(),
  /** Points that were begun, and of which more packs have to be leased than there was time for. */
  within: z.array(
    z.object({ pointId: z.string().transform((text) => text as PointId), progress: ProlongProgress }),
  ),
});
export type HoldProgress = z.infer<typeof HoldProgress>;

export interface ApplyHoldOptions extends StepOptions {
  /** The state that an earlier call left. @default every point is looked at, so that what a crash left half done is finished */
  readonly progress?: HoldProgress | undefined;
  /** Packs leased between two looks at the time; at most 1,000. @default 1,000 */
  readonly packsAtOnce?: number | undefined;
}

export interface AppliedHold {
  readonly held: number;
  /** Points that could not be held any more: they were being removed. */
  readonly gone: number;
  /**
   * Points of which something is lost: packs, or the root or pages that say which packs they need. What is left is
   * held as far as it can be. They stop nothing else, as no later day can do better. A point that takes several calls
   * is counted once for each that met something lost.
   */
  readonly damaged: StepFailures;
  readonly failures: StepFailures;
  /** Set when the time was up: call again with it. */
  readonly progress?: HoldProgress | undefined;
}

/**
 * Takes a hold to all points that it covers now (rule 9 of docs/leases.md). For each: the hold's id into the point's
 * set, and into the set of its own container's row; the store's flag on the root and on that container; then a lease
 * pass over all that the point needs. Packs that are shared are kept by leases alone, never by the flag: the store has
 * one flag for all who hold, and whoever switched it off would let go of what others hold.
 *
 * Repeatable; any call may be the last one before a crash. Takes any number of calls, also for a point all of whose packs
 * have to be leased. A hold that has been released in the meantime is taken out of
 * the sets again, so that a late repetition holds nothing.
 */
export async function applyHold(
  services: ApplyHoldServices,
  keys: VaultKeys,
  hold: HoldRow,
  options: ApplyHoldOptions = {},
): Promise<AppliedHold> {
  const { catalog } = services;
  const counts = { held: 0, gone: 0 };
  let damaged = noFailures;
  let after = options.progress?.after;
  const within = new Map(options.progress?.within.map(({ pointId, progress }) => [pointId, progress]));
  const left = async function* (): AsyncGenerator<CoveredPoint> {
    for (const { pointId, progress } of options.progress?.within ?? []) {
      const point = await catalog.points.find(pointId);
      if (point === undefined) within.delete(pointId);
      else yield { point, progress };
    }
    for await (const point of listCovered(catalog, hold.scope, after)) yield { point };
  };
  const { done, failures } = await workThrough(
    {
      items: left(),
      atOnce: pointsAtOnce,
      nameOf: ({ point }) => nameOf(point),
      work: async (covered) => {
        const { pointId, resourceArn: arn } = covered.point;
        // They are begun in the order of the list.
        if (covered.progress === undefined) after = { arn, pointId };
        within.delete(pointId);
        try {
          const did = await holdPoint(services, keys, hold, covered, options);
          if (did.state !== 'unfinished') counts[did.state] += 1;
          else {
            within.set(pointId, did.progress);
            throwIfLost(covered.point, did.lost);
          }
        } catch (error) {
          if (!isDamage(error)) throw error;
          damaged = addFailures(damaged, failureOf(nameOf(covered.point), error));
        }
      },
    },
    options,
  );
  if (done && within.size === 0) return { ...counts, damaged, failures };
  const progress = { after, within: Array.from(within, ([pointId, at]) => ({ pointId, progress: at })) };
  return { ...counts, damaged, failures, progress };
}

/** A point that a hold keeps, perhaps with the progress of an earlier call. */
interface CoveredPoint {
  readonly point: PointRow;
  readonly progress?: ProlongProgress;
}

type HeldPoint = { readonly state: 'held' | 'gone' } | Unfinished;
type Unfinished = Extract<ProlongOutcome, { readonly state: 'unfinished' }>;

async function holdPoint(
  services: ApplyHoldServices,
  keys: VaultKeys,
  { holdId }: HoldRow,
  { point, progress }: CoveredPoint,
  options: ApplyHoldOptions,
): Promise<HeldPoint> {
  const { catalog, store } = services;
  if ((await catalog.points.addHold(point.pointId, holdId)) === 'gone') return { state: 'gone' };
  await store.setLegalHold(point.rootName, point.rootVersionId, true);
  const { root } = await readRoot(store, keys, point.resourceArn, point.pointId, point.rootVersionId);
  const container = root.container?.pack;
  if (container !== undefined && (await catalog.packs.addHold(container, holdId)) === 'held')
    await switchOn(services, containerName(container));
  const unfinished = await keepForNow(services, keys, point, { ...options, progress });
  if (unfinished !== undefined) return unfinished;
  // Released while this call was at it: its release may have passed over this point before the id was in the set.
  if ((await catalog.holds.find(holdId))?.releasedAt === undefined) return { state: 'held' };
  await catalog.points.removeHold(point.pointId, holdId);
  if (container !== undefined) await catalog.packs.removeHold(container, holdId);
  return { state: 'held' };
}

async function switchOn({ store }: ApplyHoldServices, name: string): Promise<void> {
  // A container that is lost is damage, which verification reports; the hold on the rest stands.
  const state = await ifThere(store.head(name));
  if (state !== undefined) await ifThere(store.setLegalHold(name, state.versionId, true));
}

/**
 * A point that would expire before maintenance looks at it again is prolonged at once.
 * @returns the progress, when the time was up.
 */
async function keepForNow(
  services: ApplyHoldServices,
  keys: VaultKeys,
  point: PointRow,
  options: ProlongOptions,
): Promise<Unfinished | undefined> {
  const { enough, until } = heldUntil(await services.store.now(), point.resourceArn);
  if (point.expiresAt >= enough) return undefined;
  const outcome = await prolongPoint(services, keys, point, { expiresAt: until }, options);
  if (outcome.state === 'unfinished') return outcome;
  if ('lost' in outcome) throwIfLost(point, outcome.lost);
  return undefined;
}

function throwIfLost({ pointId }: PointRow, { count, packIds }: Unfinished['lost']): void {
  if (count === 0) return;
  const what = `${count} of the packs that it needs are gone, ${packIds.join(', ')}`;
  throw new StoredBytesDamagedError(`point ${pointId}`, what);
}

function nameOf({ pointId }: PointRow): string {
  return `point ${pointId}`;
}
