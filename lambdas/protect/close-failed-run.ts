import { type Catalog, type Clock, failRun, type RunRow } from '@holdfast/engine';
import type { Count } from '../runtime/define-step.ts';
import { bothMetrics, metric } from '../runtime/metrics.ts';

export function isOpen({ state }: RunRow): boolean {
  return state === 'open' || state === 'cancelling';
}

/** Closes an open run as failed, or as cancelled if that was asked for; only a failure is counted. */
export async function closeFailedRun(
  { catalog, clock }: { readonly catalog: Catalog; readonly clock: Clock },
  count: Count,
  { runId, plan }: RunRow,
  error: NonNullable<RunRow['error']>,
): Promise<RunRow> {
  // No retention depends on when a failed run ended, so the machine's clock will do.
  const store = { now: async () => Promise.resolve(clock.now()) };
  const closed = await failRun({ catalog, store }, runId, error);
  if (closed.state !== 'cancelled') countCycleFailure(count, plan);
  return closed;
}

/** Counts a failure of a plan or, when the plan is not known, only in the series over all plans. */
export function countCycleFailure(count: Count, plan: string | undefined): void {
  count(isDimension(plan) ? bothMetrics(plan, { CycleFailures: 1 }) : [metric('CycleFailures', 1)]);
}

/** Names of plans are checked when they are deployed; an input may hold anything, and CloudWatch refuses much. */
function isDimension(plan: string | undefined): plan is string {
  return plan !== undefined && /^[\w-]{1,64}$/.test(plan);
}
