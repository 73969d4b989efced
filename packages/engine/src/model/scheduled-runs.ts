import type { BackupType } from './backup-type.ts';
import { widestDue } from './due.ts';
import type { Plan, PlanSchedule } from './plan.ts';
import { parseScheduleExpression } from './schedule-expression.ts';
import { minutesOfDay, offsetIn, runsOn } from './schedule-times.ts';
import { dayMs } from './time.ts';

const minuteMs = 60_000;
const minutesADay = 24 * 60;
/** Runs of one schedule that are listed of a day, at most. */
const mostADay = 24;

/** A run that a plan will start. */
export interface ScheduledRun {
  readonly type: BackupType;
  readonly at: Date;
  /** Runs that it stands for: more than one where a schedule runs more often than every hour. */
  readonly runs: number;
}

/**
 * Lists the runs that a plan's schedules start in a span of time, oldest first; where several types are due in the same
 * minute, the one that runs. A `rate(…)` counts from the start of the span.
 */
export function scheduledRuns(plan: Plan, from: Date, to: Date): readonly ScheduledRun[] {
  const all = Object.entries(plan.schedules).flatMap(([type, schedule]) =>
    runsOf(schedule, from, to, mostADay).map((run) => ({ type: type as BackupType, ...run })),
  );
  return all
    .filter(({ type, at }) => widestDue(plan, type, at) === type)
    .sort((a, b) => a.at.getTime() - b.at.getTime());
}

/** Spans that are looked at for the next run, one after the other; the last has a February 29 in it, also round 2100. */
const daysLookedAt = [2, 40, 400, 9 * 366] as const;

/**
 * Finds when a plan next starts a backup of a type, not before `from`; a time at which it starts a wider one instead does
 * not count. A `rate(…)` counts from a time that only the scheduler knows, so its next run is not known.
 */
export function findNextRun(plan: Plan, type: BackupType, from: Date): Date | undefined {
  const schedule = plan.schedules[type];
  if (schedule === undefined || 'everyMinutes' in parseScheduleExpression(schedule.expression))
    return undefined;
  for (const days of daysLookedAt) {
    const runs = runsOf(schedule, from, new Date(from.getTime() + days * dayMs), minutesADay);
    const times = runs.map(({ at }) => at).sort((a, b) => a.getTime() - b.getTime());
    const next = times.find((at) => widestDue(plan, type, at) === type);
    if (next !== undefined) return next;
  }
  return undefined;
}

function runsOf(
  { expression, timeZone }: PlanSchedule,
  from: Date,
  to: Date,
  most: number,
): readonly Pick<ScheduledRun, 'at' | 'runs'>[] {
  const times = parseScheduleExpression(expression);
  const found: Pick<ScheduledRun, 'at' | 'runs'>[] = [];
  if ('everyMinutes' in times) {
    const step = Math.max(times.everyMinutes, minutesADay / most);
    for (let at = from.getTime(); at < to.getTime(); at += step * minuteMs)
      found.push({ at: new Date(at), runs: step / times.everyMinutes });
    return found;
  }
  const offset = offsetIn(timeZone);
  const all = minutesOfDay(times.cron);
  const step = Math.ceil(all.length / most);
  const minutes = all.filter((_, index) => index % step === 0);
  const runs = all.length / minutes.length;
  // A day to either side: local dates begin before and after those of UTC.
  const first = Math.floor(from.getTime() / dayMs) - 1;
  for (let day = first; day * dayMs < to.getTime() + dayMs; day += 1) {
    const date = new Date(day * dayMs);
    if (!runsOn(times.cron, date) || times.cron.years?.includes(date.getUTCFullYear()) === false) continue;
    for (const minute of minutes) {
      const local = day * dayMs + minute * minuteMs;
      const at = new Date(local - offset(local) * minuteMs);
      if (at >= from && at < to) found.push({ at, runs });
    }
  }
  return found;
}
