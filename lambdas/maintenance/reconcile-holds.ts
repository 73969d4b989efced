import { reconcileHolds, type HoldServices } from '@holdfast/engine';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import type { Logger } from '../runtime/logger.ts';
import { Failures, mergeFailures, noneFailed, noteFailures } from './maintenance-fields.ts';
import type { OpenKeys } from '../runtime/open-vault-once.ts';

/** A call hands on to the next one when less than this is left. Milliseconds. */
const handOnBeforeMs = 120_000;

const HoldsState = z.object({ holds: z.int(), held: z.int(), released: z.int(), failures: Failures });
const ReconcileHoldsInput = z.object({ state: HoldsState.nullish() });

/** Where the work stands. */
export interface ReconcileHoldsOutput {
  readonly done: boolean;
  readonly state: z.infer<typeof HoldsState>;
}

/** Takes holds on resources and tags to points that were committed since, and finishes what was left half done. */
export function makeHandler(deps: {
  readonly services: HoldServices;
  readonly openKeys: OpenKeys;
  readonly log: Logger;
}): StepHandler<ReconcileHoldsOutput> {
  const { services, openKeys, log } = deps;
  return defineHandler('reconcile-holds', ReconcileHoldsInput, async (input, context) => {
    const before = input.state ?? { holds: 0, held: 0, released: 0, failures: noneFailed };
    const { done, ...report } = await reconcileHolds(services, await openKeys(), {
      shouldStop: () => context.getRemainingTimeInMillis() < handOnBeforeMs,
      isContinued: input.state !== undefined && input.state !== null,
    });
    for (const message of report.damaged.messages) log.warn('damage', { reason: message });
    const state = {
      holds: report.holds,
      held: before.held + report.held,
      released: before.released + report.released,
      failures: mergeFailures(before.failures, noteFailures(log, 'holding', report.failures)),
    };
    log.info('brought points in line with holds', {
      holds: state.holds,
      held: state.held,
      released: state.released,
    });
    return { done, state };
  });
}
