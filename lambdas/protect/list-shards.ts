import {
  aliveUntil,
  getRunPlan,
  groupShards,
  inSpreadOrder,
  ListingState,
  listShards,
  runPrefix,
  shardToJson,
  utf8,
} from '@holdfast/engine';
import { getPlan, runId } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineLoop } from '../runtime/define-step.ts';
import { getJson, putJson } from '../runtime/work-json.ts';
import { protectSteps } from './steps.ts';

const handOnBeforeMs = 120_000;

/** Reference to the state of a listing, which is too large for a state machine and lies in the work bucket. */
const StateReference = z.object({ key: z.string(), turn: z.int().positive() });

export type ListShardsOutput =
  | { readonly done: false; readonly state: z.infer<typeof StateReference> }
  | {
      readonly done: true;
      readonly shards: WrittenList;
      /** Groups in which the shards are joined side by side; an empty list when they are few. */
      readonly groups: WrittenList;
    };

interface WrittenList {
  readonly bucket: string;
  readonly key: string;
  readonly count: number;
}

/** Lists a source, as far as the time of one call goes, and in the end writes down its shards. */
export const listShardsStep = defineLoop(
  protectSteps,
  'list-shards',
  { input: z.object({ runId }), state: StateReference, handOnBeforeMs },
  async (services, input, { before, shouldStop }): Promise<ListShardsOutput> => {
    const { plans, openSource, work, workBucket, catalog, clock, random, log } = services;
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
    const settleList = async (name: string, items: readonly unknown[]): Promise<WrittenList> => {
      const key = `${runPrefix(run.runId)}${name}.json`;
      // Attempts may cut the source differently. The first one's list stands: the map reads it, the commit counts it.
      const outcome = await work.putNew(key, utf8(JSON.stringify(items)));
      const settled = outcome === 'written' ? items : await getJson(work, key, z.array(z.unknown()));
      return { bucket: workBucket, key, count: settled.length };
    };
    const shards = await settleList('shards', inSpreadOrder(step.shards).map(shardToJson));
    const groups = await settleList('groups', groupShards(shards.count));
    log.info('listed the source', { runId: run.runId, shards: shards.count, groups: groups.count });
    return { done: true, shards, groups };
  },
);
