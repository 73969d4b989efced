import { aliveUntil, getRunPlan, joinGroup } from '@holdfast/engine';
import { runId } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineStep } from '../runtime/define-step.ts';
import { protectSteps } from './steps.ts';

const count = z.int().nonnegative();

const JoinGroupInput = z.object({ runId, group: z.object({ index: count, first: count, count }) });

/** Joins neighbouring shards of a run. The result lies in the work bucket, for the commit. */
export const joinGroupStep = defineStep(
  protectSteps,
  'join-group',
  JoinGroupInput,
  async (services, input): Promise<{ readonly index: number }> => {
    const { openKeys, log, work, catalog, clock } = services;
    const run = await getRunPlan(work, input.runId);
    await catalog.runs.touch(run.runId, aliveUntil(clock.now()));
    const { pagePacks, counts } = await joinGroup(services, await openKeys(), run, input.group);
    const { index } = input.group;
    log.info('joined a group of shards', {
      runId: run.runId,
      index,
      files: counts.files,
      packs: pagePacks.length,
    });
    return { index };
  },
);
