import type { Ec2Images } from '@holdfast/aws';
import {
  commitPoint,
  getRunPlan,
  type PointContent,
  StoreUnavailableError,
  type WriteServices,
} from '@holdfast/engine';
import * as z from 'zod';
import { snapshotProgress } from './snapshot-progress.ts';
import { type CommittedOutput, committedOutputOf } from '../protect/committed-output.ts';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import { runId } from '../runtime/event-fields.ts';
import type { Logger } from '../runtime/logger.ts';
import type { OpenKeys } from '../runtime/open-vault-once.ts';
import { ImageRecords, type TakenImage } from './image-record.ts';

/** Commits the point of an image: its snapshots, and the machine that they were taken of. */
export function makeHandler(deps: {
  readonly services: WriteServices;
  readonly openKeys: OpenKeys;
  readonly images: Pick<Ec2Images, 'describeSnapshots'>;
  readonly log: Logger;
}): StepHandler<CommittedOutput> {
  const { services, openKeys, images, log } = deps;
  const { work, clock } = services;
  return defineHandler('commit-image', z.object({ runId }), async (input) => {
    const run = await getRunPlan(work, input.runId);
    const committed = await commitPoint(services, await openKeys(), run, async () => {
      const taken = await new ImageRecords(work, run.runId).getTaken();
      const { done, progress } = await snapshotProgress(images, taken, clock.now());
      if (!done)
        throw new StoreUnavailableError(
          `the snapshots of run ${run.runId} are at ${progress} %; commit later`,
        );
      return contentOf(taken);
    });
    const output = committedOutputOf(committed);
    log.info('committed the image', { ...output });
    return output;
  });
}

/** Nothing of an image lies in the vault yet but its root: EC2 keeps the blocks. */
function contentOf({ image }: TakenImage): PointContent {
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
