import { BackupError } from '../errors.ts';

/**
 * The values that a cron expression matches, field by field; a field that matches everything is left out. Days of the
 * week count from 1 = Sunday. Day fields are numbers, or one of the special forms that the calendar decides: `L`
 * (last day), `15W` (weekday nearest the 15th), `6L` (last Friday), `3#2` (second Tuesday).
 */
export interface CronFields {
  readonly minutes?: readonly number[];
  readonly hours?: readonly number[];
  readonly daysOfMonth?: readonly number[] | string;
  readonly months?: readonly number[];
  readonly daysOfWeek?: readonly number[] | string;
  readonly years?: readonly number[];
}

/** Times at which a rule of a plan runs: of the calendar, or every so many minutes. */
export type ScheduleTimes = { readonly cron: CronFields } | { readonly everyMinutes: number };

/** The expression is not one that EventBridge Scheduler takes; the message goes on after the expression itself. */
export class ScheduleExpressionError extends BackupError {
  override readonly name = 'ScheduleExpressionError';
}

interface Field {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
  /** Forms besides numbers, once names are replaced. */
  readonly special?: RegExp;
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const FIELDS = {
  minutes: { label: 'minutes', min: 0, max: 59 },
  hours: { label: 'hours', min: 0, max: 23 },
  daysOfMonth: { label: 'day of month', min: 1, max: 31, special: /^(L|([1-9]|[12]\d|3[01])W)$/ },
  months: { label: 'month', min: 1, max: 12, names: MONTHS },
  daysOfWeek: { label: 'day of week', min: 1, max: 7, names: WEEKDAYS, special: /^([1-7]L|[1-7]#[1-5])$/ },
  years: { label: 'year', min: 1970, max: 2199 },
} as const satisfies Record<string, Field>;

const MINUTES = { minute: 1, hour: 60, day: 1440 } as const;

/**
 * Reads a schedule of EventBridge Scheduler: `cron(minutes hours day-of-month month day-of-week year)` or
 * `rate(value unit)`. One-time schedules (`at`) are refused: a plan repeats.
 * @throws {@link ScheduleExpressionError} it is not one.
 */
export function parseScheduleExpression(expression: string): ScheduleTimes {
  const rate = /^rate\((\d+) (minute|hour|day)(s?)\)$/.exec(expression);
  if (rate !== null) return { everyMinutes: parseRate(rate) };
  const cron = /^cron\((.*)\)$/.exec(expression);
  if (cron !== null) return { cron: parseCron((cron[1] ?? '').trim().split(/\s+/)) };
  throw new ScheduleExpressionError(
    'is not a schedule; write cron(0 3 * * ? *) for every day at 03:00, or rate(6 hours)',
  );
}

function parseRate([, value, unit, plural]: RegExpExecArray): number {
  const count = Number(value);
  if (count < 1) throw new ScheduleExpressionError(`never runs; write rate(1 ${unit}) or more`);
  if ((count === 1) !== (plural === '')) {
    throw new ScheduleExpressionError(
      `has the wrong unit; write rate(${count} ${unit}${count === 1 ? '' : 's'})`,
    );
  }
  return count * MINUTES[unit as keyof typeof MINUTES];
}

function parseCron(parts: readonly string[]): CronFields {
  if (parts.length !== 6) {
    throw new ScheduleExpressionError(
      `has ${parts.length} fields instead of six; write minutes, hours, day of month, month, day of week, year`,
    );
  }
  const [minutes = '', hours = '', daysOfMonth = '', months = '', daysOfWeek = '', years = ''] = parts;
  if ((daysOfMonth === '?') === (daysOfWeek === '?')) {
    throw new ScheduleExpressionError(
      'must have ? in exactly one of day of month and day of week; write * in the other for every day',
    );
  }
  const fields: Record<string, readonly number[] | string> = {};
  const read = (name: keyof typeof FIELDS, text: string): void => {
    const value = parseField(FIELDS[name], text);
    if (value !== undefined) fields[name] = value;
  };
  read('minutes', minutes);
  read('hours', hours);
  read('daysOfMonth', daysOfMonth);
  read('months', months);
  read('daysOfWeek', daysOfWeek);
  read('years', years);
  return fields;
}

function parseField(field: Field, text: string): readonly number[] | string | undefined {
  if (text === '*' || (text === '?' && field.special !== undefined)) return undefined;
  const numeric = withNumbers(field, text.toUpperCase());
  if (field.special?.test(numeric) === true) return numeric;
  if (field.names === WEEKDAYS && numeric === 'L') return [7];
  const values = new Set<number>();
  for (const part of numeric.split(',')) {
    const match = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part);
    const from = match?.[1] === undefined ? field.min : Number(match[1]);
    const to =
      match?.[2] !== undefined
        ? Number(match[2])
        : match?.[1] === undefined || match[3] !== undefined
          ? field.max
          : from;
    const step = Number(match?.[3] ?? 1);
    if (match === null || from < field.min || to > field.max || from > to || step < 1) {
      throw new ScheduleExpressionError(
        `has ${JSON.stringify(text)} for ${field.label}; use ${field.min} to ${field.max}` +
          `${field.names === undefined ? '' : ` or ${field.names[0]} to ${field.names.at(-1)}`}, lists (a,b), ranges (a-b) and steps (a/b)`,
      );
    }
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return [...values].sort((left, right) => left - right);
}

function withNumbers(field: Field, text: string): string {
  const names = field.names;
  if (names === undefined) return text;
  return text.replaceAll(/[A-Z]{3}/g, (name) =>
    names.includes(name) ? String(names.indexOf(name) + 1) : name,
  );
}
