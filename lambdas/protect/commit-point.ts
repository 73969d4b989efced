import {
  aliveUntil,
  commitPoint,
  getRunPlan,
  joinSomeShards,
  RunClosedError,
  type WriteServices,
} from '@holdfast/engine';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import { runId } from '../runtime/event-fields.ts';
import type { Logger } from '../runtime/logger.ts';
import type { OpenKeys } from '../runtime/open-vault-once.ts';
import { type CommittedOutput, committedOutputOf } from './committed-output.ts';

/**
 * A call hands on to the next one when less than this is left. What follows the last shard, the pack map above all, has
 * to fit into what is left of a call, or into a call of its own: minutes for ten million packs. Milliseconds.
 */
const handOnBeforeMs = 300_000;

/** `state` is always null: where the work stands lies in the work bucket. */
const CommitPointInput = z.object({
  runId,
  shardCount: z.int().nonnegative(),
  state: z.null().optional(),
});

/** Whether the point is committed. */
export type CommitPointOutput =
  | { readonly done: false; readonly state: null }
  | ({ readonly done: true } & CommittedOutput);

/** Joins what the workers of a run wrote, as far as the time of one call goes, and in the end commits the point. */
export function makeHandler(deps: {
  readonly services: WriteServices;
  readonly openKeys: OpenKeys;
  readonly log: Logger;
}): StepHandler<CommitPointOutput> {
  const { services, openKeys, log } = deps;
  const { work, catalog, clock } = services;
  return defineHandler('commit-point', CommitPointInput, async (input, context) => {
    const run = await getRunPlan(work, input.runId);
    const keys = await openKeys();
    const isOver = (await catalog.runs.find(run.runId))?.pointId !== undefined;
    let content: Parameters<typeof commitPoint>[3] = async () => {
      throw new RunClosedError(run.runId, 'it has committed its point, and that is gone');
    };
    // The answer of the call that committed may have been lost.
    if (!isOver) {
      await catalog.runs.touch(run.runId, aliveUntil(clock.now()));
      const shouldStop = () => context.getRemainingTimeInMillis() < handOnBeforeMs;
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
  });
}
