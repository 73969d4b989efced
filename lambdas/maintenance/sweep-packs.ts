import { createChunkIdReader, sweepPacks } from '@holdfast/engine';
import * as z from 'zod';
import { addCounts } from '../runtime/add-counts.ts';
import { defineLoop } from '../runtime/define-step.ts';
import { Failures, mergeFailures, noneFailed, noteFailures, partition } from './maintenance-fields.ts';
import { maintenanceSteps } from './steps.ts';

/** Room for packs that were begun. */
const handOnBeforeMs = 120_000;

const SweepState = z.object({
  swept: z.int(),
  bytes: z.int(),
  kept: z.int(),
  locked: z.int(),
  failures: Failures,
});
type SweepState = z.infer<typeof SweepState>;

export interface SweepOutput {
  readonly done: boolean;
  readonly state: SweepState;
}

const nothing: SweepState = { swept: 0, bytes: 0, kept: 0, locked: 0, failures: noneFailed };

/** Sweeps the packs of one partition whose leases have ended. */
export const sweepPacksStep = defineLoop(
  maintenanceSteps,
  'sweep-packs',
  { input: z.object({ partition }), state: SweepState, handOnBeforeMs },
  async (services, input, { before = nothing, shouldStop }): Promise<SweepOutput> => {
    const { store, catalog, index, openKeys, log } = services;
    const listChunkIds = createChunkIdReader(store, await openKeys());
    const { done, ...report } = await sweepPacks(
      { store, catalog, index, listChunkIds },
      {
        partition: input.partition,
        shouldStop,
      },
    );
    const state = {
      ...addCounts(before, report),
      failures: mergeFailures(before.failures, noteFailures(log, 'sweeping', report.failures)),
    };
    const { swept, bytes, kept, locked } = state;
    log.info('swept packs', { partition: input.partition, swept, bytes, kept, locked });
    return { done, state };
  },
);
