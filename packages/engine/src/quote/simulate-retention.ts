import type { PointId } from '../ids.ts';
import type { Plan } from '../model/plan.ts';
import type { ResourceKind } from '../model/resource-kind.ts';
import { longestKeptDays } from '../model/retention-rules.ts';
import { scheduledRuns, type ScheduledRun } from '../model/scheduled-runs.ts';
import { planRetention, type RetainedPoint } from '../retention/plan-retention.ts';
import { dayMs } from '../model/time.ts';

/** Points that are kept longer than this are left out of account. */
const mostDays = 12 * 365;

/** A point that a plan will have. */
export interface FuturePoint {
  readonly ageDays: number;
  /** It shares packs with its neighbours. */
  readonly isShared: boolean;
  /** A container of its own has all its content; in the archive class, or in the standard class where it is scheduled. */
  readonly container?: 'archive' | 'standard';
}

/** Days after which a plan has as many points as it will ever have. */
export function daysUntilFull({ retention }: Plan): number {
  return Math.min(mostDays, Math.ceil(longestKeptDays(retention)) + 1);
}

/**
 * Lists the points that a plan will have some days from now, newest first: its schedules and its retention, by the real
 * calendar.
 */
export function simulateRetention(
  plan: Plan,
  kind: ResourceKind,
  now: Date,
  afterDays: number,
): readonly FuturePoint[] {
  const then = new Date(now.getTime() + afterDays * dayMs);
  const points = scheduledRuns(plan, now, then).map((run, index) => pointOf(run, index, kind));
  return planRetention(points, plan.retention, then)
    .filter(({ reasons }) => reasons.length > 0)
    .map(({ point, container }) => {
      const ageDays = (then.getTime() - point.committedAt.getTime()) / dayMs;
      if (point.type === 'synthetic-full') return { ageDays, isShared: false, container: 'standard' };
      // The container takes the point's place when the point's own days are over.
      if (container) return { ageDays, isShared: ageDays < plan.retention.keepDays, container: 'archive' };
      return { ageDays, isShared: true };
    });
}

function pointOf({ type, at }: ScheduledRun, index: number, resourceKind: ResourceKind): RetainedPoint {
  const times = { sourceTime: at, committedAt: at, expiresAt: at };
  return { pointId: String(index) as PointId, resourceKind, type, ...times, warnings: 0 };
}
