import { addCounts, ReconcilePlace, reconcilePoints } from '@holdfast/engine';
import * as z from 'zod';
import { defineLoop, type LoopOutput } from '../runtime/define-step.ts';
import { partOf, mergeFailures, noteFailures, nothingOf } from './maintenance-fields.ts';
import { maintenanceSteps } from './steps.ts';

/** Room for listing the roots and rows of one resource. */
const handOnBeforeMs = 180_000;

const ReconcileState = z.object({
  next: ReconcilePlace.optional(),
  ...partOf('reconciled', z.int()),
});
type ReconcileState = z.infer<typeof ReconcileState>;

const nothing: ReconcileState = nothingOf('reconciled');

/** Adds rows to the catalog for roots that it does not know, and reports rows whose roots are gone. */
export const reconcilePointsStep = defineLoop(
  maintenanceSteps,
  'reconcile-points',
  { input: z.object({}), state: ReconcileState, handOnBeforeMs },
  async (services, _, { before = nothing, shouldStop }): Promise<LoopOutput<ReconcileState>> => {
    const { store, catalog, openKeys, log } = services;
    const { report, next } = await reconcilePoints({ store, catalog }, await openKeys(), {
      shouldStop,
      from: before.next,
    });
    for (const pointId of report.missing.pointIds)
      log.warn('a point is not in the vault any more', { pointId });
    const after = {
      ...addCounts(before, { ...report, missing: report.missing.count }),
      failures: mergeFailures(before.failures, noteFailures(log, 'reconciling', report.failures)),
      next,
    };
    const { roots, recovered, missing } = after;
    log.info('compared roots with the catalog', { roots, recovered, missing });
    return { done: next === undefined, state: after };
  },
);
