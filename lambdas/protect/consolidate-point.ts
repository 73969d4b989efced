import { commitPoint, consolidatePoint, getRunPlan, type PointId } from '@holdfast/engine';
import { type RunReport, runId } from '@holdfast/engine/model';
import * as z from 'zod';
import { committedOutputOf } from './committed-output.ts';
import { defineLoop } from '../runtime/define-step.ts';
import { protectSteps } from './steps.ts';

/**
 * Room for the chunks being read, the part being uploaded and the bytes carried over: almost 2 GiB for a container of 8
 * TiB.
 */
const handOnBeforeMs = 240_000;

export type ConsolidateOutput =
  | { readonly done: false; readonly state: null }
  | ({ readonly done: true; readonly pointId: PointId } & Partial<RunReport>);

/** Writes a synthetic full, as far as the time of one call goes, and in the end commits it. */
export const consolidatePointStep = defineLoop(
  protectSteps,
  'consolidate-point',
  // The state lies in the work bucket.
  { input: z.object({ runId }), state: z.null(), handOnBeforeMs },
  async (services, input, { shouldStop }): Promise<ConsolidateOutput> => {
    const { openKeys, log } = services;
    const row = await services.catalog.runs.find(input.runId);
    // The answer of the call that committed was lost.
    if (row?.pointId !== undefined) return { done: true, runId: input.runId, pointId: row.pointId };
    const run = await getRunPlan(services.work, input.runId);
    const keys = await openKeys();
    const step = await consolidatePoint(services, keys, run, { shouldStop });
    if (!step.done) {
      log.info('wrote a part of the container', { runId: run.runId });
      return { done: false, state: null };
    }
    const { content } = step;
    const committed = await commitPoint(services, keys, run, async () => Promise.resolve(content));
    const output = committedOutputOf(committed);
    log.info('committed the synthetic full', { ...output });
    return { done: true, ...output };
  },
);
