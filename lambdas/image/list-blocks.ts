import {
  aliveUntil,
  BlockListingState,
  defaultBlockShardLimits,
  getJson,
  getRunPlan,
  listBlocks,
  putJson,
  runPrefix,
} from '@holdfast/engine';
import { ebsBlockBytes, getPlan, runId } from '@holdfast/engine/model';
import * as z from 'zod';
import { settleShardLists, type ShardLists } from '../protect/shard-lists.ts';
import { defineLoop } from '../runtime/define-step.ts';
import { noteTotal } from '../runtime/part-progress.ts';
import { ImageRecords } from './image-record.ts';
import { imageSteps } from './steps.ts';

/** Room for the pages of a window, and for the end of a call. */
const handOnBeforeMs = 240_000;

/** Reference to the state of a listing, which is too large for a state machine and lies in the work bucket. */
const StateReference = z.object({ key: z.string(), turn: z.int().positive() });

export type ListBlocksOutput =
  | { readonly done: false; readonly state: z.infer<typeof StateReference> }
  | ({ readonly done: true } & ShardLists);

/** Lists the blocks of an image that have to be read, as far as the time of one call goes, and writes down its shards. */
export const listBlocksStep = defineLoop(
  imageSteps,
  'list-blocks',
  { input: z.object({ runId }), state: StateReference, handOnBeforeMs },
  async (services, input, { before, shouldStop }): Promise<ListBlocksOutput> => {
    const { plans, blocks, openKeys, work, catalog, clock, log } = services;
    await catalog.runs.touch(input.runId, aliveUntil(clock.now()));
    const run = await getRunPlan(work, input.runId);
    const { image } = await new ImageRecords(work, run.runId).getTaken();
    const blocksOfShard = Math.max(1, Math.floor(getPlan(plans, run.plan).shard.bytes / ebsBlockBytes));
    const step = await listBlocks(
      services,
      await openKeys(),
      run,
      {
        source: blocks,
        volumes: image.snapshots.map(({ volume, snapshot }) => ({ volume, snapshot })),
        limits: { ...defaultBlockShardLimits, blocks: blocksOfShard },
        shouldStop,
      },
      before && (await getJson(work, before.key, BlockListingState)),
    );
    if (!step.done) {
      const turn = (before?.turn ?? 0) + 1;
      const key = `${runPrefix(run.runId)}listing/${turn}.json`;
      await putJson(work, key, step.state);
      const open = step.state.volumes.filter(({ isDone }) => !isDone).length;
      log.info('listed a part of the blocks', { runId: run.runId, turn, openVolumes: open });
      return { done: false, state: { key, turn } };
    }
    const { shards, groups } = await settleShardLists(services, run.runId, step.shards);
    await noteTotal(services, run.runId, { bytes: step.totalBytes });
    log.info('listed the blocks', { runId: run.runId, shards: shards.count, groups: groups.count });
    return { done: true, shards, groups };
  },
);
