import { BlockShardReference, BufferPool, copyBlocks, getRunPlan } from '@holdfast/engine';
import { runId } from '@holdfast/engine/model';
import * as z from 'zod';
import { watchRun } from '../protect/watch-run.ts';
import { defineStep } from '../runtime/define-step.ts';
import { followPart } from '../runtime/part-progress.ts';
import { takeCopyTurn } from './copy-turn.ts';
import { imageSteps } from './steps.ts';

/** A function has one call at a time: the next one finds the buffers of the last. */
const buffers = new BufferPool();

export interface CopyBlocksOutput {
  readonly index: number;
  /** Calls that EBS refused because there were too many of them, and that were made again. */
  readonly throttledCalls: number;
}

/** Copies the blocks of one shard of an image into the vault. Its result lies in the work bucket, for the commit. */
export const copyBlocksStep = defineStep(
  imageSteps,
  'copy-blocks',
  z.object({ runId, shard: BlockShardReference }),
  async (services, { runId: id, shard }, { timeLeftMs }): Promise<CopyBlocksOutput> => {
    const { blocks, throttledCalls, log } = services;
    const run = await getRunPlan(services.work, id);
    const keys = await services.openKeys();
    await takeCopyTurn(services, run.runId, Infinity);
    const { signal, onProgress } = watchRun(services, run.runId);
    const part = followPart(services, run.runId, shard.index);
    try {
      const { counts, throttledCalls: throttled = 0 } = await copyBlocks(services, shard, {
        keys,
        plan: run,
        source: blocks,
        buffers,
        throttledCalls,
        onProgress: ({ bytes }) => {
          onProgress();
          part.note({ files: 0, bytes });
        },
        signal,
      });
      const { readBytes, newBytes, storedBytes } = counts;
      await part.end({ files: 0, bytes: readBytes }, timeLeftMs());
      const output = { index: shard.index, throttledCalls: throttled };
      log.info('copied a shard of blocks', { runId: run.runId, ...output, readBytes, newBytes, storedBytes });
      return output;
    } catch (error) {
      // The error of a client that is aborted does not say why.
      if (signal.aborted) throw signal.reason;
      throw error;
    }
  },
);
