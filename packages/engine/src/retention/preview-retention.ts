import type { PointRow } from '../ports/catalog/points.ts';
import { planRetention, type RetentionDecision, type RetentionReason } from './plan-retention.ts';
import type { RetentionRules } from '../model/retention-rules.ts';

/** The effect of other rules on one point. */
export interface RetentionChange {
  readonly point: PointRow;
  /** Kept until, under today's rules: the later of their date and the point's promised one. */
  readonly until: Date;
  readonly reasons: readonly RetentionReason[];
  /** Likewise under the other rules: no rule shortens what the store has locked. */
  readonly newUntil: Date;
  readonly newReasons: readonly RetentionReason[];
  readonly verdict: 'same' | 'longer' | 'shorter';
}

/**
 * Compares the effects of two sets of rules on the points of one resource. Pure; nothing is changed.
 * @returns the newest point first.
 */
export function previewRetention(
  points: readonly PointRow[],
  rules: RetentionRules,
  newRules: RetentionRules,
  now: Date,
): readonly RetentionChange[] {
  const changed = new Map(
    planRetention(points, newRules, now).map((decision) => [decision.point.pointId, decision]),
  );
  return planRetention(points, rules, now).map((decision) => {
    const { point, reasons } = decision;
    const other = changed.get(point.pointId) ?? decision;
    const [until, newUntil] = [endOf(decision), endOf(other)];
    const verdict = newUntil > until ? 'longer' : newUntil < until ? 'shorter' : 'same';
    return { point, until, reasons, newUntil, newReasons: other.reasons, verdict };
  });
}

function endOf({ point, keepUntil }: RetentionDecision): Date {
  return keepUntil > point.expiresAt ? keepUntil : point.expiresAt;
}
