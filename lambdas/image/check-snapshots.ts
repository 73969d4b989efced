import { aliveUntil } from '@holdfast/engine';
import * as z from 'zod';
import { defineStep } from '../runtime/define-step.ts';
import { runId } from '@holdfast/engine/model';
import { nextLookSeconds } from '../runtime/next-look.ts';
import { ImageRecords } from './image-record.ts';
import { type SnapshotProgress, snapshotProgress } from './snapshot-progress.ts';
import { imageSteps } from './steps.ts';

/** `pollSeconds`: how often somebody wants to look, as long as it has not taken long. */
const CheckSnapshotsInput = z.object({ runId, pollSeconds: z.int().positive() });

/** How far the snapshots of a run are. */
export interface CheckSnapshotsOutput extends SnapshotProgress {
  /** Until the next look. */
  readonly waitSeconds: number;
}

/** Says how far the snapshots of a run are, and that the run is alive: large volumes take hours. */
export const checkSnapshotsStep = defineStep(
  imageSteps,
  'check-snapshots',
  CheckSnapshotsInput,
  async (services, input): Promise<CheckSnapshotsOutput> => {
    const { catalog, clock, work } = services;
    await catalog.runs.touch(input.runId, aliveUntil(clock.now()));
    const taken = await new ImageRecords(work, input.runId).getTaken();
    const now = clock.now();
    const progress = await snapshotProgress(services.images, taken, now);
    const waitSeconds = nextLookSeconds(input.pollSeconds, now.getTime() - taken.takenAt.getTime());
    return { ...progress, waitSeconds };
  },
);
