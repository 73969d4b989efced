import { safety } from '../model/safety.ts';
import type { RetentionDecision, RetentionReason } from '../retention/plan-retention.ts';
import type { RetentionRules } from '../model/retention-rules.ts';
import type { ResourceKey } from '../ids.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import { generationEnd, leasePolicyFor } from '../runs/generation.ts';
import type { ProlongDates } from './prolong-point.ts';
import { dayMs } from '../model/time.ts';

/** A point that has to be kept for longer than its present expiry, with its dates for now. */
export interface Renewal extends ProlongDates {
  readonly point: PointRow;
  readonly reasons: readonly RetentionReason[];
  /** The end of a generation of the resource, so that no day has the leases of all resources. */
  readonly leaseUntil: Date;
}

/**
 * Plans the points that have to be prolonged now. A point that a rule or a hold keeps is prolonged a generation before
 * it would expire, and by a generation: as often as its leases have to be moved anyway. Of a plan that keeps little it
 * is half of what it keeps, or every new point would be prolonged for being one of the newest; but never less than it
 * takes until maintenance comes again.
 *
 * Points that are to become containers are among them: until they are, they are kept one generation at a time.
 * @param now - the store's clock.
 */
export function planRenewals(
  decisions: readonly RetentionDecision[],
  rules: Pick<RetentionRules, 'keepDays'>,
  resourceKey: ResourceKey,
  now: Date,
): readonly Renewal[] {
  const { generationDays } = leasePolicyFor(rules.keepDays);
  const wantedDays = Math.min(generationDays, rules.keepDays / 2, safety.renewalMarginDays.most);
  const marginMs = Math.max(wantedDays, safety.renewalMarginDays.least) * dayMs;
  const boundary = generationEnd(
    new Date(now.getTime() + generationDays * dayMs),
    resourceKey,
    generationDays,
  );
  return decisions.flatMap(({ point, keepUntil, reasons }): readonly Renewal[] => {
    if (point.expiresAt.getTime() - now.getTime() >= marginMs) return [];
    // Being one of the newest, or held, has no end to go by, and its date moves every day.
    const isOpenEnded = reasons.includes('minimum') || reasons.includes('hold');
    if (!isOpenEnded && (keepUntil <= point.expiresAt || keepUntil <= now)) return [];
    const expiresAt = isOpenEnded || keepUntil > boundary ? boundary : wholeSecond(keepUntil);
    if (expiresAt <= point.expiresAt) return [];
    const leaseUntil = generationEnd(new Date(expiresAt.getTime() - 1), resourceKey, generationDays);
    return [{ point, expiresAt, leaseUntil, reasons }];
  });
}

/** Locks end on whole seconds, and never too early. */
function wholeSecond(time: Date): Date {
  return new Date(Math.ceil(time.getTime() / 1000) * 1000);
}
