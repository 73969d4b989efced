import { commitPointInParts, getRunPlan, joinSomeShards } from '@holdfast/engine';
import { type RunReport, runId } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineLoop } from '../runtime/define-step.ts';
import { committedOutputOf } from './committed-output.ts';
import { protectSteps } from './steps.ts';

/** Room for one more unit and the commit, or they get a call of their own. */
const handOnBeforeMs = 300_000;

const count = z.int().nonnegative();

/** `groupCount`: of groups that were joined before; 0 when there are the shards alone. */
const CommitPointInput = z.object({ runId, shardCount: count, groupCount: count });

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
    const { openKeys, log } = services;
    const run = await getRunPlan(services.work, input.runId);
    const keys = await openKeys();
    const { shardCount, groupCount } = input;
    const makeContent = async () => {
      const step = await joinSomeShards(services, keys, run, shardCount, { groupCount, shouldStop });
      return step.done ? step.content : 'unfinished';
    };
    const committed = await commitPointInParts(services, keys, run, makeContent, { shouldStop });
    if (committed.state === 'unfinished') {
      log.info('made a part of the point', { runId: run.runId });
      return { done: false, state: null };
    }
    const output = committedOutputOf(committed);
    log.info('committed the point', { ...output });
    return { done: true, ...output };
  },
);
