import { aliveUntil } from '@holdfast/engine';
import * as z from 'zod';
import { defineStep } from '../runtime/define-step.ts';
import { runId } from '@holdfast/engine/model';
import { nextLookSeconds } from '../runtime/next-look.ts';
import { takeCopyTurn } from './copy-turn.ts';
import { ImageRecords } from './image-record.ts';
import { type SnapshotProgress, snapshotProgress } from './snapshot-progress.ts';
import { imageSteps } from './steps.ts';

/** `pollSeconds`: time between two looks at first, before they become rarer. `imagesAtOnce`: whose blocks are copied. */
const CheckSnapshotsInput = z.object({
  runId,
  pollSeconds: z.int().positive(),
  mode: z.enum(['image', 'blocks']),
  imagesAtOnce: z.int().positive(),
});

export interface CheckSnapshotsOutput extends SnapshotProgress {
  /** Until the next look. */
  readonly waitSeconds: number;
}

/**
 * Reports the progress of a run's snapshots, and notes that the run is alive, as large volumes take hours. An image whose
 * blocks are to be copied waits here for its turn, too.
 */
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
    if (!progress.done || input.mode === 'image') return { ...progress, waitSeconds };
    const turn = await takeCopyTurn(services, input.runId, input.imagesAtOnce);
    return { ...progress, done: turn === 'taken', waitSeconds };
  },
);
