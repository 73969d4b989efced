import { findSnapshotNeeds, getRunPlan, type PointRow, whySnapshotsStay } from '@holdfast/engine';
import { dayMs, getPlan, type Plan, runId } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineStep } from '../runtime/define-step.ts';
import { ImageRecords, RUN_TAG } from './image-record.ts';
import { removeSnapshots } from './remove-snapshots.ts';
import { imageSteps } from './steps.ts';

export interface ReleaseSnapshotsOutput {
  readonly locked: number;
  readonly removed: number;
}

/**
 * Locks the snapshots of a committed point, if the plan says so, and removes those of the image's volumes that are not
 * needed any more, as their blocks are in the vault. Maintenance does the latter daily, for what is left then.
 */
export const releaseSnapshotsStep = defineStep(
  imageSteps,
  'release-snapshots',
  z.object({ runId }),
  async (services, input): Promise<ReleaseSnapshotsOutput> => {
    const { plans, catalog, images, work, lockMode, clock, log } = services;
    const run = await getRunPlan(work, input.runId);
    const plan = getPlan(plans, run.plan);
    const point = await catalog.points.find(run.pointId);
    if (point === undefined) return { locked: 0, removed: 0 };
    const { image } = await new ImageRecords(work, run.runId).getTaken();
    let locked = 0;
    if (plan.images.lockSnapshots) {
      for (const { snapshot } of image.snapshots) {
        await images.lockSnapshot(snapshot, lockMode, lockedUntil(point, plan));
        locked += 1;
      }
    }
    const now = clock.now();
    // Somebody may have started a run of another plan; the next one is of the plan that the resource has.
    const resource = await catalog.resources.find(run.resourceArn);
    const present = plans.find(({ name }) => name === (resource?.plan ?? run.plan));
    if (present === undefined) return { locked, removed: 0 };
    const needs = await findSnapshotNeeds(catalog, present, run.resourceArn, now);
    const volumes = image.snapshots.map(({ volume }) => volume);
    const byRun = Map.groupBy(
      await images.findSnapshotsOfVolumes(RUN_TAG, volumes),
      ({ tags }) => tags[RUN_TAG],
    );
    let removed = 0;
    for await (const one of catalog.points.list(run.resourceArn)) {
      const snapshots = byRun.get(one.runId) ?? [];
      // Each stays for as long as its own plan says; of a plan that is gone, maintenance leaves them alone, too.
      const own = plans.find(({ name }) => name === one.plan);
      if (snapshots.length === 0 || own === undefined) continue;
      if (whySnapshotsStay(one, own, needs, now) !== undefined) continue;
      const ids = snapshots.map(({ snapshotId }) => snapshotId);
      removed += (await removeSnapshots(services, one.runId, ids)).removed;
    }
    log.info('released snapshots', { runId: run.runId, locked, removed, base: needs.choice.reason });
    return { locked, removed };
  },
);

/** Snapshots are locked for as long as they are to be kept. */
function lockedUntil({ committedAt, expiresAt, hasBlocks }: PointRow, { images }: Plan): Date {
  if (hasBlocks !== true) return expiresAt;
  return new Date(committedAt.getTime() + images.keepSnapshotsDays * dayMs);
}
