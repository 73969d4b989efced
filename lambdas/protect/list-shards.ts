import {
  aliveUntil,
  type FileSource,
  getRunPlan,
  listShards,
  runPrefix,
  type RunPlan,
  shardToJson,
  type WriteServices,
} from '@holdfast/engine';
import { getPlan, type Plan, type Plans } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import { runId } from '../runtime/event-fields.ts';
import type { Logger } from '../runtime/logger.ts';
import { getJson, putJson } from '../runtime/work-json.ts';

/** A listing hands on to the next call when less than this is left. Milliseconds. */
const handOnBeforeMs = 120_000;

/** Where a listing stands: the state itself is too large for a state machine, so it lies in the work bucket. */
const StateReference = z.object({ key: z.string(), turn: z.int().positive() });

const ListShardsInput = z.object({ runId, state: StateReference.nullish() });

const ListingState = z.object({
  ranges: z.array(
    z.object({
      from: z.string().optional(),
      to: z.string().optional(),
      resume: z.string().optional(),
      parts: z.int(),
      done: z.boolean(),
    }),
  ),
});

/** Either where the next call goes on, or the list of all shards. */
export type ListShardsOutput =
  | { readonly done: false; readonly state: z.infer<typeof StateReference> }
  | {
      readonly done: true;
      readonly shards: { readonly bucket: string; readonly key: string; readonly count: number };
    };

/** Lists a source, as far as the time of one call goes, and in the end writes down its shards. */
export function makeHandler(deps: {
  readonly services: Pick<WriteServices, 'work' | 'catalog' | 'clock'>;
  readonly plans: Plans;
  readonly openSource: (run: RunPlan, plan: Plan) => FileSource;
  readonly workBucket: string;
  readonly log: Logger;
}): StepHandler<ListShardsOutput> {
  const { services, plans, openSource, workBucket, log } = deps;
  const { work, catalog, clock } = services;
  return defineHandler('list-shards', ListShardsInput, async (input, context) => {
    await catalog.runs.touch(input.runId, aliveUntil(clock.now()));
    const run = await getRunPlan(work, input.runId);
    const plan = getPlan(plans, run.plan);
    const before = input.state && (await getJson(work, input.state.key, ListingState));
    const step = await listShards(
      {
        source: openSource(run, plan),
        work,
        workPrefix: runPrefix(run.runId),
        limits: plan.shard,
        shouldStop: () => context.getRemainingTimeInMillis() < handOnBeforeMs,
      },
      before ?? undefined,
    );
    if (!step.done) {
      const turn = (input.state?.turn ?? 0) + 1;
      const key = `${runPrefix(run.runId)}listing/${turn}.json`;
      await putJson(work, key, step.state);
      const open = step.state.ranges.filter((range) => !range.done).length;
      log.info('listed a part of the source', { runId: run.runId, turn, openRanges: open });
      return { done: false, state: { key, turn } };
    }
    const key = `${runPrefix(run.runId)}shards.json`;
    await putJson(work, key, step.shards.map(shardToJson));
    log.info('listed the source', { runId: run.runId, shards: step.shards.length });
    return { done: true, shards: { bucket: workBucket, key, count: step.shards.length } };
  });
}
