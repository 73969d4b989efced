import {
  type FileSource,
  getRunPlan,
  protectShard,
  type RunPlan,
  shardFromJson,
  type WriteServices,
} from '@holdfast/engine';
import { getPlan, type Plan, type Plans } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import { runId } from '../runtime/event-fields.ts';
import type { Logger } from '../runtime/logger.ts';
import type { OpenKeys } from '../runtime/open-vault-once.ts';
import { ShardEvent } from './shard-event.ts';
import { watchRun } from './watch-run.ts';

const ProtectShardInput = z.object({ runId, shard: ShardEvent });

/** Stores one shard of a source. Its result lies in the work bucket, for the commit. */
export function makeHandler(deps: {
  readonly services: WriteServices;
  readonly openKeys: OpenKeys;
  readonly plans: Plans;
  readonly openSource: (run: RunPlan, plan: Plan) => FileSource;
  readonly log: Logger;
}): StepHandler<{ readonly index: number }> {
  const { services, plans, openSource, log } = deps;
  return defineHandler('protect-shard', ProtectShardInput, async (input) => {
    const shard = shardFromJson(input.shard);
    const run = await getRunPlan(services.work, input.runId);
    const source = openSource(run, getPlan(plans, run.plan));
    const keys = await deps.openKeys();
    const { signal, onProgress } = watchRun(services, run.runId);
    try {
      const { counts, warnings } = await protectShard(services, shard, {
        keys,
        plan: run,
        source,
        onProgress,
        signal,
      });
      const { files, filesChanged, readBytes, storedBytes } = counts;
      const numbers = { files, filesChanged, readBytes, storedBytes, warnings: warnings.length };
      log.info('protected a shard', { runId: run.runId, index: shard.index, ...numbers });
      return { index: shard.index };
    } catch (error) {
      // What a client throws when it is aborted does not say why.
      if (signal.aborted) throw signal.reason;
      throw error;
    }
  });
}
