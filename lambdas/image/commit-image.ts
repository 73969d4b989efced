import {
  commitPointInParts,
  getRunPlan,
  type ImageRecord,
  joinSomeShards,
  type PointContent,
  StoreUnavailableError,
} from '@holdfast/engine';
import { type RunReport, runId } from '@holdfast/engine/model';
import * as z from 'zod';
import { snapshotProgress } from './snapshot-progress.ts';
import { committedOutputOf } from '../protect/committed-output.ts';
import { defineLoop } from '../runtime/define-step.ts';
import { metric } from '../runtime/metrics.ts';
import { endCopyTurn } from './copy-turn.ts';
import { ImageRecords } from './image-record.ts';
import { sealMachine } from './seal-machine.ts';
import { imageSteps } from './steps.ts';

/** Room for one more unit and the commit, or they get a call of their own. */
const handOnBeforeMs = 300_000;

const number = z.int().nonnegative();

/** `shardCount`: of blocks that were copied; 0 when the point is one of snapshots alone. */
const CommitImageInput = z.object({ runId, shardCount: number, groupCount: number });

export type CommitImageOutput =
  | { readonly done: false; readonly state: null }
  | ({ readonly done: true } & RunReport);

/**
 * Commits the point of an image: the blocks of its snapshots, or these alone, and the machine that they were taken of;
 * as far as the time of one call goes.
 */
export const commitImageStep = defineLoop(
  imageSteps,
  'commit-image',
  // The state lies in the work bucket.
  { input: CommitImageInput, state: z.null(), handOnBeforeMs },
  async (
    services,
    { runId: id, shardCount, groupCount },
    { shouldStop, count },
  ): Promise<CommitImageOutput> => {
    const { openKeys, images, log, work, clock } = services;
    const run = await getRunPlan(work, id);
    const keys = await openKeys();
    const records = new ImageRecords(work, run.runId);
    const taken = await records.getTaken();
    const makeContent = async (): Promise<PointContent | 'unfinished'> => {
      if (shardCount > 0) {
        const step = await joinSomeShards(services, keys, run, shardCount, { groupCount, shouldStop });
        if (!step.done) return 'unfinished';
        await records.putThrottledCalls(step.throttledCalls);
        return { ...step.content, image: taken.image };
      }
      const { done, progress } = await snapshotProgress(images, taken, clock.now());
      if (!done)
        throw new StoreUnavailableError(
          `the snapshots of run ${run.runId} are at ${progress} %; commit later`,
        );
      return contentOf(taken.image);
    };
    const seal = async (content: PointContent) => sealMachine({ images, clock }, content);
    const committed = await commitPointInParts(services, keys, run, makeContent, { shouldStop, seal });
    if (committed.state === 'unfinished') {
      log.info('made a part of the point', { runId: run.runId });
      return { done: false, state: null };
    }
    if (shardCount > 0) await endCopyTurn(services, run.runId);
    const throttledCalls = await records.findThrottledCalls();
    if (throttledCalls !== undefined) count([metric('ThrottledBlockCalls', throttledCalls)]);
    const output = { ...committedOutputOf(committed), throttledCalls };
    log.info('committed the image', { ...output });
    return { done: true, ...output };
  },
);

/** Counts of an image whose blocks stay in EC2: only its root is in the vault. */
function contentOf(image: ImageRecord): PointContent {
  const volumes = image.snapshots.length;
  return {
    counts: {
      files: volumes,
      filesChanged: volumes,
      filesRemoved: 0,
      logicalBytes: image.snapshots.reduce((sum, { sizeGiB }) => sum + sizeGiB * 2 ** 30, 0),
      readBytes: 0,
      newBytes: 0,
      storedBytes: 0,
    },
    warnings: [],
    unread: { carried: 0, missing: 0 },
    pagePacks: [],
    pagePacksCounted: 0,
    image,
  };
}
