import {
  getJson,
  putJson,
  aliveUntil,
  getRunPlan,
  inSpreadOrder,
  ListingState,
  listShards,
  runPrefix,
  shardToJson,
} from '@holdfast/engine';
import { getPlan, runId } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineLoop } from '../runtime/define-step.ts';
import { noteTotal } from '../runtime/part-progress.ts';
import { settleShardLists, type ShardLists } from './shard-lists.ts';
import { protectSteps } from './steps.ts';

const handOnBeforeMs = 120_000;

/** Reference to the state of a listing, which is too large for a state machine and lies in the work bucket. */
const StateReference = z.object({ key: z.string(), turn: z.int().positive() });

export type ListShardsOutput =
  | { readonly done: false; readonly state: z.infer<typeof StateReference> }
  | ({ readonly done: true } & ShardLists);

/** Lists a source, as far as the time of one call goes, and in the end writes down its shards. */
export const listShardsStep = defineLoop(
  protectSteps,
  'list-shards',
  { input: z.object({ runId }), state: StateReference, handOnBeforeMs },
  async (services, input, { before, shouldStop }): Promise<ListShardsOutput> => {
    const { plans, openSource, work, catalog, clock, random, log } = services;
    await catalog.runs.touch(input.runId, aliveUntil(clock.now()));
    const run = await getRunPlan(work, input.runId);
    const plan = getPlan(plans, run.plan);
    const listing = before && (await getJson(work, before.key, ListingState));
    const step = await listShards(
      {
        source: openSource({ arn: run.resourceArn, kind: run.resourceKind }, plan),
        work,
        random,
        workPrefix: runPrefix(run.runId),
        limits: plan.shard,
        shouldStop,
      },
      listing,
    );
    if (!step.done) {
      const turn = (before?.turn ?? 0) + 1;
      const key = `${runPrefix(run.runId)}listing/${turn}.json`;
      await putJson(work, key, step.state);
      const open = step.state.ranges.filter((range) => !range.done).length;
      log.info('listed a part of the source', { runId: run.runId, turn, openRanges: open });
      return { done: false, state: { key, turn } };
    }
    const { shards, groups } = await settleShardLists(
      services,
      run.runId,
      inSpreadOrder(step.shards).map(shardToJson),
    );
    // Content that has not changed is not read.
    const { files, bytes } = step.total;
    await noteTotal(services, run.runId, run.base === undefined ? { files, bytes } : { files });
    log.info('listed the source', { runId: run.runId, shards: shards.count, groups: groups.count });
    return { done: true, shards, groups };
  },
);
