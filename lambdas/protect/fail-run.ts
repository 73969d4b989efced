import type { RunRow } from '@holdfast/engine';
import * as z from 'zod';
import { defineStep } from '../runtime/define-step.ts';
import { caughtError, errorRecordOfCaught } from '../runtime/event-fields.ts';
import { endCopyTurn } from '../image/copy-turn.ts';
import { runId } from '@holdfast/engine/model';
import { closeFailedRun, countCycleFailure, isOpen } from './close-failed-run.ts';
import { protectSteps } from './steps.ts';

/** Whatever the state was when a step failed: nothing in it is certain. */
const FailRunInput = z
  .object({
    runId: runId.optional().catch(undefined),
    plan: z.string().optional().catch(undefined),
    cycleId: z.string().optional().catch(undefined),
    error: caughtError.optional().catch(undefined),
  })
  .catch({});

export interface FailRunOutput {
  readonly state?: RunRow['state'];
  /** The first thing that went wrong, with which the run was closed; without a run, what was caught. */
  readonly error: NonNullable<RunRow['error']>;
}

/**
 * Closes a run that failed, so that its resource is free for the next one, and counts the failure once: a run that is
 * closed already has been counted. For a cycle that failed, or a run that was never opened, there is nothing to close.
 */
export const failRunStep = defineStep(
  protectSteps,
  'fail-run',
  FailRunInput,
  async (services, input, { count }): Promise<FailRunOutput> => {
    const { catalog, log } = services;
    const error = errorRecordOfCaught(input.error ?? { Error: 'Error', Cause: '' });
    const run = input.runId && (await catalog.runs.find(input.runId));
    if (run !== undefined && !isOpen(run)) {
      log.info('the run was closed before', { runId: run.runId, state: run.state });
      return { state: run.state, error: run.error ?? error };
    }
    const closed = run && (await closeFailedRun(services, count, run, error));
    if (closed !== undefined) await endCopyTurn(services, closed.runId);
    if (closed === undefined) countCycleFailure(count, input.plan);
    log.warn(run === undefined ? 'failed without a run' : 'closed the run', {
      runId: input.runId,
      cycleId: input.cycleId,
      plan: run?.plan ?? input.plan,
      state: closed?.state,
      error: error.name,
      reason: error.message,
    });
    return { state: closed?.state, error: closed?.error ?? error };
  },
);
