import type { HoldId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import {
  addFailures,
  failureOf,
  isOfOneItem,
  noFailures,
  type StepFailures,
} from '../maintenance/work-through.ts';
import type { HoldRow } from '../ports/catalog/holds.ts';
import type { HoldServices } from './set-hold.ts';
import { applyHold, type ApplyHoldOptions, type ApplyHoldServices, type AppliedHold } from './apply-hold.ts';
import { releasePoints } from './release-hold.ts';

export interface HoldsReport {
  readonly holds: number;
  readonly held: number;
  readonly released: number;
  /** See `AppliedHold`; a point that is held twice is counted twice. */
  readonly damaged: StepFailures;
  readonly failures: StepFailures;
  /** False when the time was up: call again. */
  readonly done: boolean;
}

/**
 * Brings the points in line with all holds: takes holds on resources and tags to points that were committed since, and
 * finishes holds and releases that somebody's crash left half done. Maintenance does it every day, before it renews and
 * expires. Costs a listing of all holds, and for each that is in force what {@link applyHold} costs.
 */
export async function reconcileHolds(
  services: Pick<HoldServices, 'catalog'> & ApplyHoldServices,
  keys: VaultKeys,
  options: ApplyHoldOptions = {},
): Promise<HoldsReport> {
  let report: HoldsReport = {
    holds: 0,
    held: 0,
    released: 0,
    damaged: noFailures,
    failures: noFailures,
    done: true,
  };
  const over = new Set<HoldId>();
  for await (const hold of services.catalog.holds.list()) {
    if (hold.releasedAt !== undefined) {
      over.add(hold.holdId);
      continue;
    }
    const { held, damaged, failures, done } = await attempt(services, keys, hold, options);
    report = {
      ...report,
      holds: report.holds + 1,
      held: report.held + held,
      damaged: addFailures(report.damaged, damaged),
      failures: addFailures(report.failures, failures),
      done,
    };
    if (!done) return report;
  }
  if (over.size === 0) return report;
  const { released, failures, done } = await releasePoints(services, keys, over, options);
  return { ...report, released, failures: addFailures(report.failures, failures), done };
}

/** A hold whose points cannot be listed stops none of the others. */
async function attempt(
  services: ApplyHoldServices,
  keys: VaultKeys,
  hold: HoldRow,
  options: ApplyHoldOptions,
): Promise<AppliedHold & { readonly done: boolean }> {
  try {
    return await applyHold(services, keys, hold, options);
  } catch (error) {
    if (!isOfOneItem(error)) throw error;
    const failures = failureOf(`hold ${hold.holdId}`, error);
    return { held: 0, gone: 0, damaged: noFailures, failures, done: true };
  }
}
