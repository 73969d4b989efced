import type { Ec2Images } from '@holdfast/aws';
import { aliveUntil, type WriteServices } from '@holdfast/engine';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import { runId } from '../runtime/event-fields.ts';
import { nextLookSeconds } from '../runtime/next-look.ts';
import { ImageRecords } from './image-record.ts';
import { type SnapshotProgress, snapshotProgress } from './snapshot-progress.ts';

/** `pollSeconds`: how often somebody wants to look, as long as it has not taken long. */
const CheckSnapshotsInput = z.object({ runId, pollSeconds: z.int().positive() });

/** How far the snapshots of a run are. */
export interface CheckSnapshotsOutput extends SnapshotProgress {
  /** Until the next look. */
  readonly waitSeconds: number;
}

/** Says how far the snapshots of a run are, and that the run is alive: large volumes take hours. */
export function makeHandler(deps: {
  readonly services: Pick<WriteServices, 'work' | 'catalog' | 'clock'>;
  readonly images: Pick<Ec2Images, 'describeSnapshots'>;
}): StepHandler<CheckSnapshotsOutput> {
  const { catalog, clock, work } = deps.services;
  return defineHandler('check-snapshots', CheckSnapshotsInput, async (input) => {
    await catalog.runs.touch(input.runId, aliveUntil(clock.now()));
    const taken = await new ImageRecords(work, input.runId).getTaken();
    const now = clock.now();
    const progress = await snapshotProgress(deps.images, taken, now);
    const waitSeconds = nextLookSeconds(input.pollSeconds, now.getTime() - taken.takenAt.getTime());
    return { ...progress, waitSeconds };
  });
}
