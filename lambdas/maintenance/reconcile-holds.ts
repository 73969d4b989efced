import { addCounts, HoldsProgress, reconcileHolds } from '@holdfast/engine';
import * as z from 'zod';
import { defineLoop, type LoopOutput } from '../runtime/define-step.ts';
import { partOf, mergeFailures, noteFailures, nothingOf } from './maintenance-fields.ts';
import { maintenanceSteps } from './steps.ts';

const handOnBeforeMs = 120_000;

const HoldsState = z.object({ progress: HoldsProgress.optional(), ...partOf('holds', z.int()) });
type HoldsState = z.infer<typeof HoldsState>;

/** Extends holds on resources and tags to points that were committed since, and finishes what was left half done. */
export const reconcileHoldsStep = defineLoop(
  maintenanceSteps,
  'reconcile-holds',
  { input: z.object({}), state: HoldsState, handOnBeforeMs },
  async (services, _, { before, shouldStop }): Promise<LoopOutput<HoldsState>> => {
    const { openKeys, log } = services;
    const { done, progress, ...report } = await reconcileHolds(services, await openKeys(), {
      shouldStop,
      progress: before?.progress,
    });
    for (const message of report.damaged.messages) log.warn('damage', { reason: message });
    const soFar: HoldsState = before ?? nothingOf('holds');
    const state = {
      ...addCounts(soFar, report),
      progress,
      holds: report.holds,
      failures: mergeFailures(soFar.failures, noteFailures(log, 'holding', report.failures)),
    };
    const { holds, held, released } = state;
    log.info('brought points in line with holds', { holds, held, released });
    return { done, state };
  },
);
