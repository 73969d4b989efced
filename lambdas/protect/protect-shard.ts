import { BufferPool, getRunPlan, protectShard, shardFromJson } from '@holdfast/engine';
import { getPlan, runId } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineStep } from '../runtime/define-step.ts';
import { followPart } from '../runtime/part-progress.ts';
import { ShardEvent } from './shard-event.ts';
import { watchRun } from './watch-run.ts';
import { protectSteps } from './steps.ts';

/** A function has one call at a time: the next one finds the buffers of the last. */
const buffers = new BufferPool();

const ProtectShardInput = z.object({ runId, shard: ShardEvent });

/** Stores one shard of a source. Its result lies in the work bucket, for the commit. */
export const protectShardStep = defineStep(
  protectSteps,
  'protect-shard',
  ProtectShardInput,
  async (services, input, { timeLeftMs }): Promise<{ readonly index: number }> => {
    const { plans, openSource, log } = services;
    const shard = shardFromJson(input.shard);
    const run = await getRunPlan(services.work, input.runId);
    const resource = { arn: run.resourceArn, kind: run.resourceKind };
    const source = openSource(resource, getPlan(plans, run.plan));
    const keys = await services.openKeys();
    const { signal, onProgress } = watchRun(services, run.runId);
    const part = followPart(services, run.runId, shard.index);
    try {
      const { counts, warnings } = await protectShard(services, shard, {
        keys,
        plan: run,
        source,
        buffers,
        onProgress: (progress) => {
          onProgress();
          part.note(progress);
        },
        signal,
      });
      const { files, filesChanged, readBytes, storedBytes } = counts;
      await part.end({ files, bytes: readBytes }, timeLeftMs());
      const numbers = { files, filesChanged, readBytes, storedBytes, warnings: warnings.length };
      log.info('protected a shard', { runId: run.runId, index: shard.index, ...numbers });
      return { index: shard.index };
    } catch (error) {
      // The error of a client that is aborted does not say why.
      if (signal.aborted) throw signal.reason;
      throw error;
    }
  },
);
