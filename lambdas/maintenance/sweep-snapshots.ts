import type { Ec2Snapshot } from '@holdfast/aws';
import {
  addFailures,
  workThrough,
  type Catalog,
  type PointRow,
  type RunId,
  type RunRow,
  type StepFailures,
} from '@holdfast/engine';
import { isImageKind, safety } from '@holdfast/engine/model';
import * as z from 'zod';
import { removeSnapshots } from '../image/remove-snapshots.ts';
import { defineStep } from '../runtime/define-step.ts';
import type { StepServices } from '../runtime/services.ts';
import { type Failures, noteFailures } from './maintenance-fields.ts';
import { RUN_TAG } from '../image/image-record.ts';
import { maintenanceSteps } from './steps.ts';

const dayMs = 86_400_000;
const runsAtOnce = 4;
const pointsAtOnce = 4;

/** What became of the snapshots that are older than some days and belong to a run. */
export interface SweepSnapshotsOutput {
  readonly removed: number;
  /** Of runs that the catalog does not know: perhaps it was rebuilt, and a point needs them. */
  readonly unknown: number;
  /** Those that an AMI is made of. They are tried again every day. */
  readonly inUse: number;
  /** Points of images of which snapshots are gone that should be there. */
  readonly pointsLacking: number;
  readonly failures: Failures;
}

/**
 * Holds the snapshots in EC2 against the catalog, with one listing. A point whose retention has not ended and that has
 * lost snapshots is noted as such, which makes it a degraded one wherever points are shown, and is told. Removes the
 * snapshots of image runs that failed: older than some days, of a run that is over, and of which the
 * catalog has no point. Whoever is not sure keeps: snapshots of a run that the catalog does not know are counted only.
 */
export const sweepSnapshotsStep = defineStep(
  maintenanceSteps,
  'sweep-snapshots',
  z.unknown(),
  async (services): Promise<SweepSnapshotsOutput> => {
    const { catalog, images, clock, log } = services;
    const before = new Date(clock.now().getTime() - safety.strayStaysDays * dayMs);
    const tagged = await images.findTaggedSnapshots(RUN_TAG);
    const points = await notePoints(services, tagged);
    const old = tagged.filter(({ startedAt }) => startedAt < before);
    const counts = { removed: 0, unknown: 0, inUse: 0 };
    const { failures } = await workThrough(
      {
        items: Map.groupBy(old, runOf),
        atOnce: runsAtOnce,
        nameOf: ([runId]) => `snapshots of run ${runId}`,
        work: async ([runId, snapshots]) => {
          const run = await catalog.runs.find(runId);
          if (run === undefined) {
            counts.unknown += snapshots.length;
            log.warn('snapshots of an unknown run are left alone', { runId, snapshots: snapshots.length });
            return;
          }
          if (!(await isLeftOver(catalog, run))) return;
          const ids = snapshots.map(({ snapshotId }) => snapshotId);
          const { removed, inUse } = await removeSnapshots(services, runId, ids);
          counts.removed += removed;
          counts.inUse += inUse;
        },
      },
      {},
    );
    const all = addFailures(points.failures, failures);
    const noted = noteFailures(log, 'sweeping snapshots', all);
    return { ...counts, pointsLacking: points.lacking, failures: noted };
  },
);

/** @returns how many points lack snapshots, and those of which it could not be noted. */
async function notePoints(
  { catalog, clock, log }: StepServices<(typeof maintenanceSteps)['sweep-snapshots']['needs']>,
  tagged: readonly Ec2Snapshot[],
): Promise<{ readonly lacking: number; readonly failures: StepFailures }> {
  const now = clock.now();
  const complete = Map.groupBy(
    tagged.filter(({ state }) => state === 'completed'),
    runOf,
  );
  let lacking = 0;
  const { failures } = await workThrough(
    {
      items: catalog.points.listExpiring({}),
      atOnce: pointsAtOnce,
      nameOf: ({ pointId }) => `point ${pointId}`,
      work: async (point) => {
        if (!isImageThatHasToBeWhole(point, now)) return;
        const { pointId, runId, counts, snapshotsMissing = 0 } = point;
        const missing = Math.max(0, counts.files - (complete.get(runId)?.length ?? 0));
        if (missing > 0) {
          lacking += 1;
          log.warn('a point has lost snapshots', { pointId, resource: point.resourceArn, missing });
        }
        if (missing !== snapshotsMissing) await catalog.points.noteSnapshotsMissing(pointId, missing);
      },
    },
    {},
  );
  return { lacking, failures };
}

/** One that was committed while the snapshots were listed may be in the list with fewer than it has. */
function isImageThatHasToBeWhole(point: PointRow, now: Date): boolean {
  const { resourceKind, expiring, expiresAt, committedAt, holds = [] } = point;
  if (!isImageKind(resourceKind)) return false;
  const isKept = expiring !== true && (expiresAt > now || holds.length > 0);
  return isKept && now.getTime() - committedAt.getTime() > safety.pointSettleHours * 3_600_000;
}

function runOf({ tags }: Ec2Snapshot): RunId {
  return tags[RUN_TAG] as RunId;
}

/** The run's own state does not decide: one that counts as failed may have committed in its last moment. */
async function isLeftOver(
  catalog: Catalog,
  { runId, resourceArn, state, pointId }: RunRow,
): Promise<boolean> {
  if (state === 'open' || state === 'cancelling') return false;
  if (pointId !== undefined && (await catalog.points.find(pointId)) !== undefined) return false;
  for await (const point of catalog.points.list(resourceArn)) if (point.runId === runId) return false;
  return true;
}
