import type { BackupType } from './backup-type.ts';
import type { Plan, PlanSchedule } from './plan.ts';
import { parseScheduleExpression } from './schedule-expression.ts';
import { offsetIn, runsOn } from './schedule-times.ts';

/** Types that read the source, the widest first. A synthetic full reads the vault, so it never stands in for one. */
const widths = ['full', 'differential', 'incremental'] as const satisfies readonly BackupType[];

/**
 * Tells whether a schedule fires at a time, to the minute. Only `cron(…)` can tell: a `rate(…)` counts from its
 * creation, which only the scheduler knows, so the answer for it is false.
 */
export function isDueAt({ expression, timeZone }: PlanSchedule, time: Date): boolean {
  const times = parseScheduleExpression(expression);
  if (!('cron' in times)) return false;
  const { minutes, hours, years } = times.cron;
  const local = new Date(time.getTime() + offsetIn(timeZone)(time.getTime()) * 60_000);
  return (
    (years?.includes(local.getUTCFullYear()) ?? true) &&
    runsOn(times.cron, local) &&
    (hours?.includes(local.getUTCHours()) ?? true) &&
    (minutes?.includes(local.getUTCMinutes()) ?? true)
  );
}

/**
 * The type that runs when a plan's schedule of `type` fires at `time`: another one of the plan that is due in the same
 * minute and reads more takes its place, and then this one has nothing to do.
 * @returns the type itself, or the wider one.
 */
export function widestDue(plan: Plan, type: BackupType, time: Date): BackupType {
  const width = widths.indexOf(type as (typeof widths)[number]);
  for (const wider of widths.slice(0, Math.max(width, 0))) {
    const schedule = plan.schedules[wider];
    if (schedule !== undefined && isDueAt(schedule, time)) return wider;
  }
  return type;
}
