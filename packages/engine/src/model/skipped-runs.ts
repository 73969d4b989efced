import { longestGapMinutes, minutesOfDay, offsetIn, runsOn } from './schedule-times.ts';
import type { CronFields, ScheduleTimes } from './schedule-expression.ts';
import { dayMs } from './time.ts';

const minuteMs = 60_000;
/** Two changes to summer time, whenever it is that somebody looks. */
const daysLookedAt = 800;

/** A time at which a schedule would run and does not, because the clock passes over it. */
export interface SkippedRun {
  /** Date in the time zone, `2027-03-28`. */
  readonly date: string;
  /** The clock goes from here to `to`, such as `02:00` and `03:00`. */
  readonly from: string;
  readonly to: string;
}

/** A change of the clock: `atMs` before it, in the zone's own time, and the time by which it is moved on. */
interface ClockChange {
  readonly atMs: number;
  readonly minutes: number;
}

/**
 * Finds the runs that a cron schedule loses where summer time begins: EventBridge Scheduler skips a time that does
 * not exist, and runs once at one that occurs twice. Times that the schedule makes up for are left out: those between
 * which no more time passes than the hour and its longest usual wait, as with every hour.
 * @param from - the first day that is looked at; 800 days are.
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
 */
export function skippedRuns(times: ScheduleTimes, timeZone: string, from: Date): SkippedRun[] {
  if (!('cron' in times)) return [];
  const { cron } = times;
  const longestWait = longestGapMinutes([times]) ?? 0;
  return forwardChanges(timeZone, from)
    .filter(({ atMs, minutes }) => {
      const end = atMs + minutes * minuteMs;
      if (!isDueBetween(cron, atMs, end)) return false;
      const wait = (nextRun(cron, end) - lastRun(cron, atMs)) / minuteMs - minutes;
      return wait > longestWait + minutes;
    })
    .map(({ atMs, minutes }) => ({
      date: new Date(atMs).toISOString().slice(0, 10),
      from: new Date(atMs).toISOString().slice(11, 16),
      to: new Date(atMs + minutes * minuteMs).toISOString().slice(11, 16),
    }));
}

/** Times are the zone's own, written as if they were UTC. */
function isDueBetween(cron: CronFields, fromMs: number, toMs: number): boolean {
  return runsOfDay(cron, midnight(fromMs)).some((at) => at >= fromMs && at < toMs);
}

function nextRun(cron: CronFields, fromMs: number): number {
  for (let day = midnight(fromMs); day < fromMs + daysLookedAt * dayMs; day += dayMs) {
    const next = runsOfDay(cron, day).find((at) => at >= fromMs);
    if (next !== undefined) return next;
  }
  return Number.POSITIVE_INFINITY;
}

function lastRun(cron: CronFields, beforeMs: number): number {
  for (let day = midnight(beforeMs); day > beforeMs - daysLookedAt * dayMs; day -= dayMs) {
    const last = runsOfDay(cron, day).findLast((at) => at < beforeMs);
    if (last !== undefined) return last;
  }
  return Number.NEGATIVE_INFINITY;
}

function runsOfDay(cron: CronFields, dayStartMs: number): number[] {
  const date = new Date(dayStartMs);
  const isOfYear = cron.years?.includes(date.getUTCFullYear()) ?? true;
  if (!isOfYear || !runsOn(cron, date)) return [];
  return minutesOfDay(cron)
    .map((minute) => dayStartMs + minute * minuteMs)
    .sort((left, right) => left - right);
}

function midnight(ms: number): number {
  return Math.floor(ms / dayMs) * dayMs;
}

/** By zone and first day: plans share few zones, and looking at one takes 800 days' offsets, some 20 ms. */
const knownChanges = new Map<string, readonly ClockChange[]>();

function forwardChanges(timeZone: string, from: Date): readonly ClockChange[] {
  const start = midnight(from.getTime());
  const key = `${timeZone} ${start}`;
  const changes = knownChanges.get(key) ?? findForwardChanges(timeZone, start);
  knownChanges.set(key, changes);
  return changes;
}

function findForwardChanges(timeZone: string, start: number): readonly ClockChange[] {
  const offsetAt = offsetIn(timeZone);
  const changes: ClockChange[] = [];
  let [offset, next] = [offsetAt(start), 0];
  for (let day = start; day < start + daysLookedAt * dayMs; day += dayMs, offset = next) {
    next = offsetAt(day + dayMs);
    if (next <= offset) continue;
    let [before, after] = [day, day + dayMs];
    while (after - before > minuteMs) {
      const middle = before + Math.floor((after - before) / 2 / minuteMs) * minuteMs;
      if (offsetAt(middle) === offset) before = middle;
      else after = middle;
    }
    changes.push({ atMs: after + offset * minuteMs, minutes: next - offset });
  }
  return changes;
}
