import {
  createChunkIdReader,
  sweepPacks,
  type Catalog,
  type ChunkIndex,
  type ObjectStore,
} from '@holdfast/engine';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import type { Logger } from '../runtime/logger.ts';
import { Failures, mergeFailures, noneFailed, noteFailures, partition } from './maintenance-fields.ts';
import type { OpenKeys } from '../runtime/open-vault-once.ts';

/** The next call goes on when less than this is left: packs that were begun have to fit in. Milliseconds. */
const handOnBeforeMs = 120_000;

const SweepState = z.object({
  swept: z.int(),
  bytes: z.int(),
  kept: z.int(),
  locked: z.int(),
  failures: Failures,
});
type SweepState = z.infer<typeof SweepState>;

const SweepInput = z.object({ partition, state: SweepState.nullish() });

/** Whether all overdue packs of the partition have been swept. */
export interface SweepOutput {
  readonly done: boolean;
  readonly state: SweepState;
}

const nothing: SweepState = { swept: 0, bytes: 0, kept: 0, locked: 0, failures: noneFailed };

/** Sweeps the packs of one partition whose leases have ended. */
export function makeHandler(deps: {
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly index: ChunkIndex;
  readonly openKeys: OpenKeys;
  readonly log: Logger;
}): StepHandler<SweepOutput> {
  const { store, catalog, index, openKeys, log } = deps;
  return defineHandler('sweep-packs', SweepInput, async (input, context) => {
    const before = input.state ?? nothing;
    const listChunkIds = createChunkIdReader(store, await openKeys());
    const { done, ...report } = await sweepPacks(
      { store, catalog, index, listChunkIds },
      {
        partition: input.partition,
        shouldStop: () => context.getRemainingTimeInMillis() < handOnBeforeMs,
      },
    );
    const state = {
      swept: before.swept + report.swept,
      bytes: before.bytes + report.bytes,
      kept: before.kept + report.kept,
      locked: before.locked + report.locked,
      failures: mergeFailures(before.failures, noteFailures(log, 'sweeping', report.failures)),
    };
    const { swept, bytes, kept, locked } = state;
    log.info('swept packs', { partition: input.partition, swept, bytes, kept, locked });
    return { done, state };
  });
}
