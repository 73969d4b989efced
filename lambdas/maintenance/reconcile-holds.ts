import { reconcileHolds } from '@holdfast/engine';
import * as z from 'zod';
import { addCounts } from '../runtime/add-counts.ts';
import { defineLoop } from '../runtime/define-step.ts';
import { Failures, mergeFailures, noneFailed, noteFailures } from './maintenance-fields.ts';
import { maintenanceSteps } from './steps.ts';

const handOnBeforeMs = 120_000;

const HoldsState = z.object({ holds: z.int(), held: z.int(), released: z.int(), failures: Failures });

export interface ReconcileHoldsOutput {
  readonly done: boolean;
  readonly state: z.infer<typeof HoldsState>;
}

/** Extends holds on resources and tags to points that were committed since, and finishes what was left half done. */
export const reconcileHoldsStep = defineLoop(
  maintenanceSteps,
  'reconcile-holds',
  { input: z.object({}), state: HoldsState, handOnBeforeMs },
  async (services, _, { before, shouldStop }): Promise<ReconcileHoldsOutput> => {
    const { openKeys, log } = services;
    const { done, ...report } = await reconcileHolds(services, await openKeys(), {
      shouldStop,
      isContinued: before !== undefined,
    });
    for (const message of report.damaged.messages) log.warn('damage', { reason: message });
    const { held, released, failures } = before ?? { held: 0, released: 0, failures: noneFailed };
    const state = {
      ...addCounts({ held, released }, report),
      holds: report.holds,
      failures: mergeFailures(failures, noteFailures(log, 'holding', report.failures)),
    };
    log.info('brought points in line with holds', {
      holds: state.holds,
      held: state.held,
      released: state.released,
    });
    return { done, state };
  },
);
