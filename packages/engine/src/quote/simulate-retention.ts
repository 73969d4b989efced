import type { PointId, ResourceArn, RunId } from '../ids.ts';
import type { Plan } from '../model/plan.ts';
import type { ResourceKind } from '../model/resource-kind.ts';
import { longestKeptDays } from '../model/retention-rules.ts';
import { scheduledRuns, type ScheduledRun } from '../model/scheduled-runs.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import { planRetention } from '../retention/plan-retention.ts';
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

function pointOf({ type, at }: ScheduledRun, index: number, resourceKind: ResourceKind): PointRow {
  const pointId = String(index).padStart(9, '0') as PointId;
  return {
    pointId,
    resourceArn: 'quote' as ResourceArn,
    resourceKind,
    plan: 'quote',
    type,
    chainPointId: pointId,
    runId: 'quote' as RunId,
    sourceTime: at,
    committedAt: at,
    expiresAt: at,
    retentionClass: 'quote',
    counts: {
      files: 0,
      filesChanged: 0,
      filesRemoved: 0,
      logicalBytes: 0,
      readBytes: 0,
      newBytes: 0,
      storedBytes: 0,
    },
    warnings: 0,
    unread: { carried: 0, missing: 0 },
    seconds: 0,
    rootName: '',
    rootVersionId: '',
  };
}
