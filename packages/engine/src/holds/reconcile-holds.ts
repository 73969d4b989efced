import * as z from 'zod';
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
import {
  applyHold,
  type AppliedHold,
  type ApplyHoldOptions,
  type ApplyHoldServices,
  HoldProgress,
} from './apply-hold.ts';
import { releasePoints } from './release-hold.ts';

/** The hold that was begun last, and how far it is applied. Plain JSON. */
export const HoldsProgress = z.object({
  holdId: z.string().transform((text) => text as HoldId),
  /** Absent when it is applied to all of its points. */
  within: HoldProgress.optional(),
});
export type HoldsProgress = z.infer<typeof HoldsProgress>;

export interface HoldsReport {
  /** Those that are in force. */
  readonly holds: number;
  readonly held: number;
  readonly released: number;
  /** See `AppliedHold`; a point that is held twice is counted twice. */
  readonly damaged: StepFailures;
  readonly failures: StepFailures;
  /** False when the time was up: call again with `progress`. */
  readonly done: boolean;
  readonly progress?: HoldsProgress | undefined;
}

/**
 * Brings the points in line with all holds: takes holds on resources and tags to points that were committed since, and
 * finishes holds and releases that somebody's crash left half done. Maintenance does it every day, before it renews and
 * expires. Costs a listing of all holds, and for each that is in force what {@link applyHold} costs.
 */
export async function reconcileHolds(
  services: Pick<HoldServices, 'catalog'> & ApplyHoldServices,
  keys: VaultKeys,
  options: Omit<ApplyHoldOptions, 'progress'> & { readonly progress?: HoldsProgress | undefined } = {},
): Promise<HoldsReport> {
  const { progress: from, shouldStop, signal, packsAtOnce } = options;
  let report: HoldsReport = {
    holds: 0,
    held: 0,
    released: 0,
    damaged: noFailures,
    failures: noFailures,
    done: true,
  };
  const over = new Set<HoldId>();
  let at = from;
  let isReached = from === undefined;
  for await (const hold of services.catalog.holds.list()) {
    const { holdId, releasedAt } = hold;
    const before = holdId === from?.holdId ? from : undefined;
    const isDone = !isReached && before?.within === undefined;
    isReached ||= before !== undefined;
    if (releasedAt !== undefined) {
      over.add(holdId);
      continue;
    }
    report = { ...report, holds: report.holds + 1 };
    if (isDone) continue;
    if (at !== from && shouldStop?.() === true) return { ...report, done: false, progress: at };
    const applying = { progress: before?.within, shouldStop, signal, packsAtOnce };
    const { held, damaged, failures, progress: within } = await attempt(services, keys, hold, applying);
    report = {
      ...report,
      held: report.held + held,
      damaged: addFailures(report.damaged, damaged),
      failures: addFailures(report.failures, failures),
    };
    at = { holdId, within };
    if (within !== undefined) return { ...report, done: false, progress: at };
  }
  if (over.size === 0) return report;
  if (at !== from && shouldStop?.() === true) return { ...report, done: false, progress: at };
  const { released, failures, done } = await releasePoints(services, keys, over, { shouldStop, signal });
  return { ...report, released, failures: addFailures(report.failures, failures), done, progress: at };
}

/** A hold whose points cannot be listed stops none of the others. */
async function attempt(
  services: ApplyHoldServices,
  keys: VaultKeys,
  hold: HoldRow,
  options: ApplyHoldOptions,
): Promise<AppliedHold> {
  try {
    return await applyHold(services, keys, hold, options);
  } catch (error) {
    if (!isOfOneItem(error)) throw error;
    const failures = failureOf(`hold ${hold.holdId}`, error);
    return { held: 0, gone: 0, damaged: noFailures, failures };
  }
}
