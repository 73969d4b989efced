import { aliveUntil, commitPoint, getRunPlan, joinSomeShards, RunClosedError } from '@holdfast/engine';
import { type RunReport, runId } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineLoop } from '../runtime/define-step.ts';
import { committedOutputOf } from './committed-output.ts';
import { protectSteps } from './steps.ts';

/**
 * Room for what comes last, a look at the inner pages of the manifest and the commit; or they get a call of their own.
 */
const handOnBeforeMs = 300_000;

const CommitPointInput = z.object({ runId, shardCount: z.int().nonnegative() });

export type CommitPointOutput =
  | { readonly done: false; readonly state: null }
  | ({ readonly done: true } & RunReport);

/** Joins what the workers of a run wrote, as far as the time of one call goes, and in the end commits the point. */
export const commitPointStep = defineLoop(
  protectSteps,
  'commit-point',
  // The state lies in the work bucket.
  { input: CommitPointInput, state: z.null(), handOnBeforeMs },
  async (services, input, { shouldStop }): Promise<CommitPointOutput> => {
    const { openKeys, log, work, catalog, clock } = services;
    const run = await getRunPlan(work, input.runId);
    const keys = await openKeys();
    const isOver = (await catalog.runs.find(run.runId))?.pointId !== undefined;
    let content: Parameters<typeof commitPoint>[3] = async () => {
      throw new RunClosedError(run.runId, 'it has committed its point, and that is gone');
    };
    // The answer of the call that committed may have been lost.
    if (!isOver) {
      await catalog.runs.touch(run.runId, aliveUntil(clock.now()));
      const step = await joinSomeShards(services, keys, run, input.shardCount, { shouldStop });
      if (!step.done) {
        log.info('joined a part of the shards', { runId: run.runId });
        return { done: false, state: null };
      }
      content = async () => Promise.resolve(step.content);
    }
    const output = committedOutputOf(await commitPoint(services, keys, run, content));
    log.info('committed the point', { ...output });
    return { done: true, ...output };
  },
);
