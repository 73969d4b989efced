import {
  commitPoint,
  getRunPlan,
  type ImageRecord,
  type PointContent,
  StoreUnavailableError,
} from '@holdfast/engine';
import { type RunReport, runId } from '@holdfast/engine/model';
import * as z from 'zod';
import { snapshotProgress } from './snapshot-progress.ts';
import { committedOutputOf } from '../protect/committed-output.ts';
import { defineStep } from '../runtime/define-step.ts';
import { ImageRecords } from './image-record.ts';
import { sealMachine } from './seal-machine.ts';
import { imageSteps } from './steps.ts';

/** Commits the point of an image: its snapshots, and the machine that they were taken of. */
export const commitImageStep = defineStep(
  imageSteps,
  'commit-image',
  z.object({ runId }),
  async (services, input): Promise<RunReport> => {
    const { openKeys, images, log, work, clock } = services;
    const run = await getRunPlan(work, input.runId);
    const makeContent = async (): Promise<PointContent> => {
      const taken = await new ImageRecords(work, run.runId).getTaken();
      const { done, progress } = await snapshotProgress(images, taken, clock.now());
      if (!done)
        throw new StoreUnavailableError(
          `the snapshots of run ${run.runId} are at ${progress} %; commit later`,
        );
      return contentOf(taken.image);
    };
    const seal = async (content: PointContent) => sealMachine({ images, clock }, content);
    const committed = await commitPoint(services, await openKeys(), run, makeContent, { seal });
    const output = committedOutputOf(committed);
    log.info('committed the image', { ...output });
    return output;
  },
);

/** An image has only its root in the vault yet: EC2 keeps the blocks. */
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
