import type { Catalog, Clock, RunRow } from '@holdfast/engine';
import * as z from 'zod';
import type { StepHandler } from '../runtime/define-handler.ts';
import { defineReportingHandler } from '../runtime/define-reporting-handler.ts';
import { caughtError, errorRecordOfCaught, runId } from '../runtime/event-fields.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { closeFailedRun, countCycleFailure, isOpen } from './close-failed-run.ts';

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
  const { catalog, log } = deps;
  return defineReportingHandler('fail-run', FailRunInput, deps, async (input, count) => {
    const error = errorRecordOfCaught(input.error ?? { Error: 'Error', Cause: '' });
    const run = input.runId && (await catalog.runs.find(input.runId));
    if (run !== undefined && !isOpen(run)) {
      log.info('the run was closed before', { runId: run.runId, state: run.state });
      return { state: run.state, error: run.error ?? error };
    }
    const closed = run && (await closeFailedRun(deps, count, run, error));
    if (closed === undefined) countCycleFailure(count, input.plan);
    log.warn(run === undefined ? 'failed without a run' : 'closed the run', {
      runId: input.runId,
      cycleId: input.cycleId,
      plan: run?.plan ?? input.plan,
      state: closed?.state,
      error: error.name,
      reason: error.message,
    });
    return { ...(closed && { state: closed.state }), error: closed?.error ?? error };
  });
}
