import type { Ec2Snapshot } from '@holdfast/aws';
import {
  ExpiryPlace,
  findHeir,
  findSnapshotNeeds,
  isKept,
  workThrough,
  type Catalog,
  type PointRow,
  type ResourceArn,
  type RunId,
  type RunRow,
  type SnapshotNeeds,
  type StepFailures,
  type WorkedThrough,
  whySnapshotsStay,
} from '@holdfast/engine';
import { isImageKind, safety, dayMs, hourMs } from '@holdfast/engine/model';
import * as z from 'zod';
import { removeSnapshots } from '../image/remove-snapshots.ts';
import { defineLoop, type LoopOutput } from '../runtime/define-step.ts';
import type { StepServices } from '../runtime/services.ts';
import { Failures, partOf, mergeFailures, noteFailures, nothingOf } from './maintenance-fields.ts';
import { COPIED_VOLUME, RUN_TAG } from '../image/image-record.ts';
import { maintenanceSteps } from './steps.ts';

const runsAtOnce = 4;
const pointsAtOnce = 4;
/** Room for the snapshots that are being removed, at five requests a second. */
const handOnBeforeMs = 120_000;

const SweepInput = z.object({
  /** Result of comparing the catalog with the roots in the vault; absent when that failed. */
  reconciled: z
    .object({ done: z.literal(true), state: z.object({ failures: Failures }) })
    .optional()
    .catch(undefined),
});

const SweepState = z.object({
  /** Last point that has been looked at. */
  point: ExpiryPlace.optional(),
  /** Last run whose snapshots have been looked at, in the order of ids; points come first. */
  run: z.string(),
  ...partOf('snapshots', z.int()),
});
type SweepState = z.infer<typeof SweepState>;

type Services = StepServices<(typeof maintenanceSteps)['sweep-snapshots']['needs']>;

/** Snapshots of runs, and until when they are locked; the latter is absent where no plan locks any. */
interface SnapshotsFound {
  readonly tagged: readonly Ec2Snapshot[];
  readonly locks: ReadonlyMap<string, Date> | undefined;
}

const nothing: SweepState = { run: '', ...nothingOf('snapshots') };

/**
 * Compares the snapshots in EC2 with the catalog, with one listing a call. A point that has lost snapshots before its
 * retention ended is noted as such, which makes it degraded wherever points are shown, and is reported. Removes the
 * snapshots of image runs that failed: those older than some days, of a run that is over, and without a point in the
 * catalog, unless it may lack one; and those whose blocks are in the vault and that are needed no more. In doubt they are kept: snapshots of a run
 * that the catalog, or of a plan that the deployment does not know. The locks of snapshots that a point consists of are
 * prolonged with it.
 */
export const sweepSnapshotsStep = defineLoop(
  maintenanceSteps,
  'sweep-snapshots',
  { input: SweepInput, state: SweepState, handOnBeforeMs },
  async (services, { reconciled }, { before = nothing, shouldStop }): Promise<LoopOutput<SweepState>> => {
    const { catalog, images, plans, clock, log } = services;
    const now = clock.now();
    const all = await images.findTaggedSnapshots(RUN_TAG);
    const tagged = all.filter(({ volumeId }) => volumeId !== COPIED_VOLUME);
    const state = { ...before };
    const note = (failures: StepFailures): void => {
      state.failures = mergeFailures(state.failures, noteFailures(log, 'sweeping snapshots', failures));
    };
    const locks = plans.some((plan) => plan.images.lockSnapshots) ? await images.findLocks() : undefined;
    if (before.run === '') {
      const points = await notePoints(services, { tagged, locks }, state, shouldStop);
      note(points.failures);
      if (!points.done) return { done: false, state };
    }
    // A point that was committed, and whose row was lost, is nothing but a root until it is reconciled.
    const isCatalogWhole = reconciled?.state.failures.count === 0;
    const strayBefore = new Date(now.getTime() - safety.strayStaysDays * dayMs);
    const rest = tagged.filter((one) => runOf(one) > before.run);
    const byRun = [...Map.groupBy(rest, runOf)].sort(([a], [b]) => (a < b ? -1 : 1));
    const needsOf = new Map<ResourceArn, Promise<SnapshotNeeds>>();
    const { done, failures } = await workThrough(
      {
        items: byRun,
        atOnce: runsAtOnce,
        nameOf: ([runId]) => `snapshots of run ${runId}`,
        work: async ([runId, snapshots]) => {
          // They are begun in this order, and all that were begun are done in the end.
          state.run = runId;
          const run = await catalog.runs.find(runId);
          const isOld = snapshots.every(({ startedAt }) => startedAt < strayBefore);
          if (run === undefined) {
            if (!isOld) return;
            state.unknown += snapshots.length;
            log.warn('snapshots of an unknown run are left alone', { runId, snapshots: snapshots.length });
            return;
          }
          const isOver =
            (isOld && isCatalogWhole && (await isLeftOver(catalog, run))) ||
            (await isReleased(services, run, needsOf));
          if (!isOver) return;
          const ids = snapshots.map(({ snapshotId }) => snapshotId);
          const { removed, inUse } = await removeSnapshots(services, runId, ids);
          state.removed += removed;
          state.inUse += inUse;
        },
      },
      { shouldStop },
    );
    note(failures);
    return { done, state };
  },
);

/**
 * Looks at the points behind that of the state, and counts there those that lack snapshots.
 * @returns failures for those of which this could not be noted.
 */
async function notePoints(
  services: Services,
  { tagged, locks }: SnapshotsFound,
  state: SweepState,
  shouldStop: () => boolean,
): Promise<WorkedThrough> {
  const { catalog, clock, log } = services;
  const now = clock.now();
  const complete = Map.groupBy(
    tagged.filter((one) => one.state === 'completed'),
    runOf,
  );
  return workThrough(
    {
      items: catalog.points.listExpiring({}, state.point),
      atOnce: pointsAtOnce,
      nameOf: ({ pointId }) => `point ${pointId}`,
      work: async (point) => {
        // They are begun in the order of the list, and all that were begun are done in the end.
        state.point = { pointId: point.pointId, expiresAt: point.expiresAt };
        if (!isImageThatHasToBeWhole(point, now)) return;
        const { pointId, runId, counts, snapshotsMissing = 0 } = point;
        const snapshots = complete.get(runId) ?? [];
        const missing = Math.max(0, counts.files - snapshots.length);
        if (missing > 0) {
          state.pointsLacking += 1;
          log.warn('a point has lost snapshots', { pointId, resource: point.resourceArn, missing });
        }
        if (missing !== snapshotsMissing) await catalog.points.noteSnapshotsMissing(pointId, missing);
        if (locks !== undefined) await prolongLocks(services, point, snapshots, locks);
      },
    },
    { shouldStop },
  );
}

/** Locks snapshots until their point expires, where that is later than it was: a rule or a hold keeps it. */
async function prolongLocks(
  { plans, images, lockMode, clock, log }: Services,
  { plan, runId, expiresAt }: PointRow,
  snapshots: readonly Ec2Snapshot[],
  locks: ReadonlyMap<string, Date>,
): Promise<void> {
  if (plans.find(({ name }) => name === plan)?.images.lockSnapshots !== true) return;
  // EC2 takes no lock for less than a day.
  if (expiresAt.getTime() < clock.now().getTime() + dayMs) return;
  for (const { snapshotId } of snapshots) {
    const until = locks.get(snapshotId);
    if (until !== undefined && until >= expiresAt) continue;
    await images.lockSnapshot(snapshotId, lockMode, expiresAt);
    log.info('prolonged the lock of a snapshot', { runId, snapshotId, until: expiresAt.toISOString() });
  }
}

/** A point that was committed while the snapshots were listed may have more of them than the list. */
function isImageThatHasToBeWhole(point: PointRow, now: Date): boolean {
  const { resourceKind, hasBlocks, committedAt } = point;
  if (!isImageKind(resourceKind) || hasBlocks === true) return false;
  return isKept(point, now) && now.getTime() - committedAt.getTime() > safety.pointSettleHours * hourMs;
}

function runOf({ tags }: Ec2Snapshot): RunId {
  return tags[RUN_TAG] as RunId;
}

/**
 * Blocks are in the vault; neither the plan that took the snapshots keeps them, nor needs them the next run, which is one
 * of the plan that the resource has now.
 */
async function isReleased(
  { catalog, plans, clock }: Pick<Services, 'catalog' | 'plans' | 'clock'>,
  { resourceArn, pointId }: RunRow,
  needsOf: Map<ResourceArn, Promise<SnapshotNeeds>>,
): Promise<boolean> {
  if (pointId === undefined) return false;
  const point = (await catalog.points.find(pointId)) ?? (await findHeir(catalog, resourceArn, pointId));
  if (point?.hasBlocks !== true) return false;
  const resource = await catalog.resources.find(resourceArn);
  const own = plans.find(({ name }) => name === point.plan);
  const present = plans.find(({ name }) => name === (resource?.plan ?? point.plan));
  if (own === undefined || present === undefined) return false;
  const now = clock.now();
  const needs = needsOf.get(resourceArn) ?? findSnapshotNeeds(catalog, present, resourceArn, now);
  needsOf.set(resourceArn, needs);
  const { baseTimes } = await needs;
  // A resource that is gone, or lost its tag, has no next run.
  const ofNext = resource === undefined ? new Set<number>() : baseTimes;
  return whySnapshotsStay(point, own, { baseTimes: ofNext }, now) === undefined;
}

/** The run's own state does not decide: one that counts as failed may have committed in its last moment. */
async function isLeftOver(
  catalog: Catalog,
  { runId, resourceArn, state, pointId }: RunRow,
): Promise<boolean> {
  if (state === 'open' || state === 'cancelling') return false;
  if (pointId !== undefined) {
    if ((await catalog.points.find(pointId)) !== undefined) return false;
    if ((await findHeir(catalog, resourceArn, pointId)) !== undefined) return false;
  }
  for await (const point of catalog.points.list(resourceArn)) if (point.runId === runId) return false;
  return true;
}
