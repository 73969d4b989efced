import { RunClosedError, UnknownNameError } from '../errors.ts';
import type { RunId } from '../ids.ts';
import type { RunChange, RunOutcome, RunRow } from '../ports/catalog/runs.ts';
import {
  atMost,
  below,
  type Condition,
  definedOnly,
  meets,
  oneOf,
  type TransitionStep,
  type Transition,
} from './transition.ts';

/*
 *              ┌──cancel──▶ cancelling ──┐
 * open ────────┤                         ├──end, abandon──▶ one of the outcomes
 *              └─────────────────────────┘
 */
const open: Condition<RunRow> = { state: oneOf('open') };
const unfinished: Condition<RunRow> = { state: oneOf('open', 'cancelling') };

export function updateRun(runId: RunId, change: RunChange): Transition<RunRow, RunRow> {
  const set = definedOnly(change);
  return {
    steps: Object.keys(set).length === 0 ? [] : [{ when: open, change: { set } }],
    outcome: (row) => stillOpen(runId, row),
  };
}

/** Raises the time until which a run counts as alive, never lowers it. */
export function touchRun(runId: RunId, aliveUntil: Date): Transition<RunRow, void> {
  return {
    steps: [{ when: { ...open, aliveUntil: below(aliveUntil) }, change: { set: { aliveUntil } } }],
    outcome: (row) => void stillOpen(runId, row),
  };
}

export function cancelRun(runId: RunId): Transition<RunRow, RunRow> {
  return {
    steps: [{ when: open, change: { set: { state: 'cancelling' } } }],
    outcome: (row) => known(runId, row),
  };
}

export function endRun(outcome: RunOutcome): TransitionStep<RunRow> {
  return { when: unfinished, change: { set: outcome } };
}

/** Ends a run that is heard of no more, for another to begin, unless a worker of it turns up before. */
export function abandonRun(holder: RunRow, heir: RunRow): TransitionStep<RunRow> {
  const error = {
    name: 'RunAbandonedError',
    message: `nothing was heard of run ${holder.runId} after ${holder.aliveUntil.toISOString()}; run ${heir.runId} took over`,
  };
  return {
    when: { ...unfinished, aliveUntil: atMost(heir.startedAt) },
    change: { set: { state: 'failed', endedAt: heir.startedAt, error } },
  };
}

export function isUnfinished(row: RunRow): boolean {
  return meets(unfinished, row);
}

/** @throws {@link UnknownNameError} there is no such run. */
export function known(runId: RunId, row: RunRow | undefined): RunRow {
  if (row === undefined) throw new UnknownNameError(`run ${runId} is not in the catalog; check the run id`);
  return row;
}

function stillOpen(runId: RunId, row: RunRow | undefined): RunRow {
  const { state } = known(runId, row);
  if (state !== 'open') throw new RunClosedError(runId, `its state is ${state}`);
  return known(runId, row);
}
