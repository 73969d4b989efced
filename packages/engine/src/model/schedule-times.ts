import type { CronFields, ScheduleTimes } from './schedule-expression.ts';

const DAY = 24 * 60;
/** Long enough for two runs of a yearly schedule. */
const DAYS_LOOKED_AT = 800;
const FIRST_DAY = Date.UTC(2027, 0, 1);

/**
 * Longest time, in minutes, that passes between two runs when all of the schedules are followed: what a plan's RPO
 * cannot be below. Looks at 800 days from 2027 on and leaves the year field and clock changes out of account.
 * `undefined` when they never run in that time.
 */
export function longestGapMinutes(schedules: readonly ScheduleTimes[]): number | undefined {
  const rates = schedules.flatMap((times) => ('everyMinutes' in times ? [times.everyMinutes] : []));
  const crons = schedules.flatMap((times) => ('cron' in times ? [times.cron] : []));
  const gap = crons.length === 0 ? undefined : longestCronGap(crons);
  const gaps = gap === undefined ? rates : [...rates, gap];
  return gaps.length === 0 ? undefined : Math.min(...gaps);
}

function longestCronGap(crons: readonly CronFields[]): number | undefined {
  const timesOfDay = crons.map(minutesOfDay);
  let previous: number | undefined;
  let longest: number | undefined;
  for (let day = 0; day < DAYS_LOOKED_AT; day += 1) {
    const date = new Date(FIRST_DAY + day * DAY * 60_000);
    const due = crons.flatMap((cron, index) => (runsOn(cron, date) ? (timesOfDay[index] ?? []) : []));
    for (const minute of due.sort((left, right) => left - right)) {
      const at = day * DAY + minute;
      if (previous !== undefined) longest = Math.max(longest ?? 0, at - previous);
      previous = at;
    }
  }
  return longest;
}

/** Minutes of a day at which a cron schedule runs, on the days on which it does. */
export function minutesOfDay(cron: CronFields): readonly number[] {
  const hours = cron.hours ?? Array.from({ length: 24 }, (_, hour) => hour);
  const minutes = cron.minutes ?? Array.from({ length: 60 }, (_, minute) => minute);
  return hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute));
}

/**
 * Tells whether a cron schedule runs on a day; the year field is left out of account.
 * @param date - any time of that day, as if it were UTC.
 */
export function runsOn(cron: CronFields, date: Date): boolean {
  return (
    (cron.months?.includes(date.getUTCMonth() + 1) ?? true) &&
    matchesDayOfMonth(cron.daysOfMonth, date) &&
    matchesDayOfWeek(cron.daysOfWeek, date)
  );
}

function matchesDayOfMonth(days: CronFields['daysOfMonth'], date: Date): boolean {
  if (days === undefined) return true;
  const day = date.getUTCDate();
  if (typeof days !== 'string') return days.includes(day);
  if (days === 'L') return day === daysInMonth(date);
  return day === nearestWeekday(date, Number.parseInt(days, 10));
}

/** Finds the weekday (Monday to Friday) nearest to a day, without leaving its month. */
function nearestWeekday(date: Date, wanted: number): number | undefined {
  const last = daysInMonth(date);
  if (wanted > last) return undefined;
  const weekday = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), wanted)).getUTCDay();
  if (weekday === 6) return wanted === 1 ? 3 : wanted - 1;
  if (weekday === 0) return wanted === last ? wanted - 2 : wanted + 1;
  return wanted;
}

function matchesDayOfWeek(days: CronFields['daysOfWeek'], date: Date): boolean {
  if (days === undefined) return true;
  const weekday = date.getUTCDay() + 1;
  if (typeof days !== 'string') return days.includes(weekday);
  if (Number(days[0]) !== weekday) return false;
  const day = date.getUTCDate();
  return days[1] === 'L' ? day + 7 > daysInMonth(date) : Math.ceil(day / 7) === Number(days[2]);
}

function daysInMonth(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}

/** Formats by their zone: making one takes twenty times as long as using it. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** Minutes by which a zone's clock is ahead of UTC at an instant. */
export function offsetIn(timeZone: string): (instantMs: number) => number {
  const format =
    formats.get(timeZone) ?? new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  formats.set(timeZone, format);
  return (instantMs) => {
    const name = format.formatToParts(instantMs).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    const [, sign, hours = '0', minutes = '0'] = /([+-])(\d{2}):(\d{2})/.exec(name) ?? [];
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  };
}
