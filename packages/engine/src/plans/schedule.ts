import { Cron } from 'croner';
import type { BackupType } from '../ports/catalog.ts';
import type { Plan, PlanSchedule } from './plan.ts';

/** Types that read the source, the widest first. A synthetic full reads the vault, so it never stands in for one. */
const widths = ['full', 'differential', 'incremental'] as const satisfies readonly BackupType[];

/**
 * Whether a schedule fires at a time, to the minute. Only `cron(…)` can tell: a `rate(…)` counts from its creation,
 * which only the scheduler knows, so the answer for it is false.
 */
export function isDueAt({ expression, timeZone }: PlanSchedule, time: Date): boolean {
  const fields = /^cron\((.+)\)$/.exec(expression)?.[1];
  if (fields === undefined) return false;
  const minute = new Date(Math.floor(time.getTime() / 60_000) * 60_000);
  // EventBridge counts weekdays from 1 = Sunday, allows "0/15" and a year: Quartz's dialect without the seconds.
  return new Cron(`0 ${fields}`, {
    timezone: timeZone,
    mode: '7-part',
    alternativeWeekdays: true,
    sloppyRanges: true,
  }).match(minute);
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
