import { findJson, getJson, putJson } from '@holdfast/engine';
import { RestoredVolume, safety, hourMs } from '@holdfast/engine/model';
import * as z from 'zod';
import { restoreFiles, RestoreJob, StartedSnapshots } from './restore-job.ts';
import { defineStep } from '../runtime/define-step.ts';
import { nextLookSeconds } from '../runtime/next-look.ts';
import { isVisibleBy } from '../image/visible-within.ts';
import { checkNotOver } from './check-not-over.ts';
import { orderVolume } from './order-volume.ts';
import { VolumeFailedError } from './volume-failed-error.ts';
import { restoreSteps } from './steps.ts';

/** `pollSeconds`: time between two looks at first, before they become rarer. */
const RestoreVolumesInput = z.object({ restoreId: z.string().min(1), pollSeconds: z.int().positive() });

/** `done`: the volumes of the restore can be used. */
export interface RestoreVolumesOutput {
  readonly done: boolean;
  readonly volumes: readonly (RestoredVolume & { readonly state: string })[];
  /** Until the next look. */
  readonly waitSeconds: number;
}

/**
 * Orders the volumes of a restore at its first call, and says at every call how far they are. A volume that EC2 answered
 * for and does not show some minutes later has failed: it removes in silence what it may not encrypt.
 */
export const restoreVolumesStep = defineStep(
  restoreSteps,
  'restore-volumes',
  RestoreVolumesInput,
  async (services, { restoreId, pollSeconds }): Promise<RestoreVolumesOutput> => {
    const { images, work, clock, log } = services;
    const name = restoreFiles.volumes(restoreId);
    const { target } = await getJson(work, restoreFiles.job(restoreId), RestoreJob);
    if (target.kind !== 'volumes') throw new TypeError(`no volumes are made for the target ${target.kind}`);
    const ordered = (await findJson(work, name, z.array(RestoredVolume))) ?? [];
    const toOrder = target.snapshots.slice(ordered.length);
    if (toOrder.length > 0) {
      const started = (await findJson(work, restoreFiles.snapshots(restoreId), StartedSnapshots)) ?? {};
      for (const snapshot of toOrder) {
        await checkNotOver(work, restoreId);
        ordered.push(await orderVolume(images, restoreId, target, snapshot, started, clock.now()));
        // After each: a restore that fails at the next one says what it leaves.
        await putJson(work, name, ordered);
      }
      log.info('ordered volumes', { restoreId, volumes: ordered.length });
    }
    const found = await images.describeVolumes(ordered.map(({ volumeId }) => volumeId));
    const states = new Map(found.map(({ volumeId, state }) => [volumeId, state]));
    // One that EC2 does not show yet has just been ordered.
    const volumes = ordered.map((volume) => ({
      ...volume,
      state: states.get(volume.volumeId) ?? 'creating',
    }));
    const now = clock.now();
    let longestMs = 0;
    for (const volume of volumes) {
      const sinceOrderedMs = now.getTime() - new Date(volume.orderedAt).getTime();
      longestMs = Math.max(longestMs, sinceOrderedMs);
      if (!['creating', 'available', 'in-use'].includes(volume.state))
        throw new VolumeFailedError(volume, `is in state ${volume.state}`);
      if (!states.has(volume.volumeId) && isVisibleBy(now, new Date(volume.orderedAt)))
        throw new VolumeFailedError(volume, `was ordered at ${volume.orderedAt} and is gone again`);
      if (volume.state === 'creating' && sinceOrderedMs > safety.volumeHours * hourMs)
        throw new VolumeFailedError(volume, `was ordered at ${volume.orderedAt} and is not made yet`);
    }
    return {
      done: volumes.every(({ state }) => state !== 'creating'),
      volumes,
      waitSeconds: nextLookSeconds(pollSeconds, longestMs),
    };
  },
);
