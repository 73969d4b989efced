import { commitPoint, getRunPlan, joinShards, type WriteServices } from '@holdfast/engine';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../shared/define-handler.ts';
import { runId } from '../shared/event-fields.ts';
import type { Logger } from '../shared/logger.ts';
import type { OpenKeys } from '../shared/open-vault-once.ts';
import { type CommittedOutput, committedOutputOf } from './committed-output.ts';

const CommitPointInput = z.object({ runId, shardCount: z.int().nonnegative() });

/** Joins what the workers of a run wrote and commits the point. */
export function makeHandler(deps: {
  readonly services: WriteServices;
  readonly openKeys: OpenKeys;
  readonly log: Logger;
}): StepHandler<CommittedOutput> {
  const { services, openKeys, log } = deps;
  return defineHandler('commit-point', CommitPointInput, async (input) => {
    const run = await getRunPlan(services.work, input.runId);
    const keys = await openKeys();
    const committed = await commitPoint(services, keys, run, async () =>
      joinShards(services, keys, run, input.shardCount),
    );
    const output = committedOutputOf(committed);
    log.info('committed the point', { ...output });
    return output;
  });
}
