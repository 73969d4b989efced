import { addCounts, expirePoints, findHeir, type PointRow } from '@holdfast/engine';
import { isImageKind } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineLoop } from '../runtime/define-step.ts';
import { partOf, Failures, mergeFailures, noteFailures, nothingOf } from './maintenance-fields.ts';
import { COPIED_VOLUME, RUN_TAG } from '../image/image-record.ts';
import { removeSnapshots } from '../image/remove-snapshots.ts';
import { maintenanceSteps } from './steps.ts';

const handOnBeforeMs = 120_000;

const ExpireState = z.object(partOf('expired', z.int()));
type ExpireState = z.infer<typeof ExpireState>;

const Renewed = z.object({ failures: Failures });

const Held = z.object({ done: z.literal(true), state: z.object({ failures: Failures }) });

const ExpireInput = z.object({
  /** Result of bringing points in line with holds; absent when that failed. */
  held: Held.optional().catch(undefined),
  /** Result of renewing leases; absent when it failed as a whole. */
  renewed: z.array(Renewed).optional().catch(undefined),
});

/** `skipped`: nothing is removed on a day on which points could not be held or renewed, because they may be among those due. */
export interface ExpireOutput {
  readonly done: boolean;
  readonly skipped: boolean;
  readonly state: ExpireState;
}

const nothing: ExpireState = nothingOf('expired');

/**
 * Removes points whose retention has ended, and their snapshots, unless a container has inherited them. A point stays while somebody's AMI
 * is made of its snapshots; it is counted, and tried again every day.
 */
export const expirePointsStep = defineLoop(
  maintenanceSteps,
  'expire-points',
  { input: ExpireInput, state: ExpireState, handOnBeforeMs },
  async (services, input, { before = nothing, shouldStop }): Promise<ExpireOutput> => {
    const { store, catalog, audit, images, log } = services;
    const { held, renewed } = input;
    const isHeld = held !== undefined && held.state.failures.count === 0;
    if (!isHeld || renewed === undefined || renewed.some(({ failures }) => failures.count > 0)) {
      log.warn('points were not held or renewed, so none is removed today');
      return { done: true, skipped: true, state: before };
    }
    let snapshots = 0;
    const beforeRemoval = async (point: PointRow): Promise<'done' | 'in-use'> => {
      const { pointId, resourceArn, resourceKind, runId, expiresAt, hasBlocks } = point;
      log.info('removes a point', { pointId });
      await audit.append({
        chain: resourceArn,
        id: `expire ${pointId}`,
        by: 'maintenance',
        event: { kind: 'expire', point: pointId, expiresAt: expiresAt.toISOString() },
      });
      if (!isImageKind(resourceKind)) return 'done';
      // The sweep of snapshots removes them once no run compares with the container.
      if (hasBlocks === true && (await findHeir(catalog, resourceArn, pointId)) !== undefined) return 'done';
      const found = await images.findSnapshots(RUN_TAG, runId);
      const own = found.filter(({ volumeId }) => volumeId !== COPIED_VOLUME);
      const ids = own.map(({ snapshotId }) => snapshotId);
      const { removed, inUse } = await removeSnapshots(services, runId, ids);
      snapshots += removed;
      return inUse > 0 ? 'in-use' : 'done';
    };
    const { done, ...report } = await expirePoints({ store, catalog, beforeRemoval }, { shouldStop });
    const state = {
      ...addCounts(before, { ...report, snapshots }),
      failures: mergeFailures(before.failures, noteFailures(log, 'expiring', report.failures)),
    };
    const { expired, kept, locked, inUse } = state;
    log.info('removed points whose retention has ended', { expired, kept, locked, inUse });
    return { done, skipped: false, state };
  },
);
