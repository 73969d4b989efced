import { type Catalog, type Clock, failRun, type RunRow } from '@holdfast/engine';
import * as z from 'zod';
import type { StepHandler } from '../shared/define-handler.ts';
import { defineReportingHandler } from '../shared/define-reporting-handler.ts';
import { caughtError, errorRecordOfCaught, runId } from '../shared/event-fields.ts';
import type { Logger } from '../shared/logger.ts';
import { bothMetrics, metric, type Metrics } from '../shared/metrics.ts';

/** Whatever the state was when a step failed: nothing in it is certain. */
const FailRunInput = z
  .object({
    runId: runId.optional().catch(undefined),
    plan: z.string().optional().catch(undefined),
    cycleId: z.string().optional().catch(undefined),
    error: caughtError.optional().catch(undefined),
  })
  .catch({});

/** What became of the run, if there is one, and why the execution fails. */
export interface FailRunOutput {
  readonly state?: RunRow['state'];
  /** What the run was closed with, which is the first thing that went wrong; what was caught where there is no run. */
  readonly error: NonNullable<RunRow['error']>;
}

/**
 * Closes a run that failed, so that its resource is free for the next one, and counts the failure once: a run that is
 * closed already has been counted. For a cycle that failed, or a run that was never opened, there is nothing to close.
 */
export function makeHandler(deps: {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
}): StepHandler<FailRunOutput> {
  const { catalog, clock, log } = deps;
  return defineReportingHandler('fail-run', FailRunInput, deps, async (input, count) => {
    const error = errorRecordOfCaught(input.error ?? { Error: 'Error', Cause: '' });
    const run = input.runId && (await catalog.findRun(input.runId));
    const isOpen = run?.state === 'open' || run?.state === 'cancelling';
    if (run !== undefined && !isOpen) {
      log.info('the run was closed before', { runId: run.runId, state: run.state });
      return { state: run.state, error: run.error ?? error };
    }
    // No retention depends on when a failed run ended, so the machine's clock will do.
    const store = { now: async () => Promise.resolve(clock.now()) };
    const closed = run && (await failRun({ catalog, store }, run.runId, error));
    const plan = run?.plan ?? input.plan;
    if (closed?.state !== 'cancelled') {
      count(isDimension(plan) ? bothMetrics(plan, { CycleFailures: 1 }) : [metric('CycleFailures', 1)]);
    }
    log.warn(run === undefined ? 'failed without a run' : 'closed the run', {
      runId: input.runId,
      cycleId: input.cycleId,
      plan,
      state: closed?.state,
      error: error.name,
      reason: error.message,
    });
    return { ...(closed && { state: closed.state }), error: closed?.error ?? error };
  });
}

/** Names of plans are checked when they are deployed; this input may hold anything, and CloudWatch refuses much. */
function isDimension(plan: string | undefined): plan is string {
  return plan !== undefined && /^[\w-]{1,64}$/.test(plan);
}
