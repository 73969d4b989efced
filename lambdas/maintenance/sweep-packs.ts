import { addCounts, createChunkIdReader, sweepPacks } from '@holdfast/engine';
import * as z from 'zod';
import { defineLoop, type LoopOutput } from '../runtime/define-step.ts';
import { partOf, mergeFailures, noteFailures, nothingOf, partition } from './maintenance-fields.ts';
import { maintenanceSteps } from './steps.ts';

/** Room for packs that were begun. */
const handOnBeforeMs = 120_000;

const SweepState = z.object(partOf('swept', z.int()));
type SweepState = z.infer<typeof SweepState>;

const nothing: SweepState = nothingOf('swept');

export const sweepPacksStep = defineLoop(
  maintenanceSteps,
  'sweep-packs',
  { input: z.object({ partition }), state: SweepState, handOnBeforeMs },
  async (services, input, { before = nothing, shouldStop }): Promise<LoopOutput<SweepState>> => {
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
