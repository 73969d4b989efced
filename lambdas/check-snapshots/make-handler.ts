import type { Ec2Images } from '@holdfast/aws';
import { aliveUntil, type WriteServices } from '@holdfast/engine';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../shared/define-handler.ts';
import { runId } from '../shared/event-fields.ts';
import { ImageRecords } from '../snapshot-volumes/image-record.ts';
import { type SnapshotProgress, snapshotProgress } from './snapshot-progress.ts';

/** Says how far the snapshots of a run are, and that the run is alive: large volumes take hours. */
export function makeHandler(deps: {
  readonly services: Pick<WriteServices, 'work' | 'catalog' | 'clock'>;
  readonly images: Pick<Ec2Images, 'describeSnapshots'>;
}): StepHandler<SnapshotProgress> {
  const { catalog, clock, work } = deps.services;
  return defineHandler('check-snapshots', z.object({ runId }), async (input) => {
    await catalog.touchRun(input.runId, aliveUntil(clock.now()));
    const taken = await new ImageRecords(work, input.runId).getTaken();
    return snapshotProgress(deps.images, taken, clock.now());
  });
}
