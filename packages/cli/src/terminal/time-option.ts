import type { TimeRange } from '@holdfast/engine';
import { UsageError } from './errors.ts';

const form = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/;
const dayMs = 86_400_000;

/**
 * A time that a person wrote, in ISO 8601. Without a zone it is UTC; a date alone is the whole day, so its `edge` decides.
 * @throws {@link UsageError} it is not a time.
 */
export function timeOption(option: string, text: string, edge: 'start' | 'end'): Date {
  const [, year, month, day, clock, zone = 'Z'] = form.exec(text) ?? [];
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  const time = clock === undefined ? date : new Date(`${year}-${month}-${day}T${clock}${zone}`);
  // JavaScript reads February 30 as March 2.
  if (Number.isNaN(time.getTime()) || date.getUTCDate() !== Number(day)) {
    throw new UsageError(
      `--${option} "${text}" is not a time; write it as 2026-11-23 or 2026-11-23T02:00:00Z`,
    );
  }
  return clock === undefined && edge === 'end' ? new Date(time.getTime() + dayMs - 1) : time;
}

/**
 * The span that `--from` and `--to` stand for; both ends included.
 * @throws {@link UsageError} one is not a time, or it ends before it begins, which no catalog can be asked for.
 */
export function timeRangeOption(values: {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}): TimeRange {
  const from = values.from === undefined ? undefined : timeOption('from', values.from, 'start');
  const to = values.to === undefined ? undefined : timeOption('to', values.to, 'end');
  if (from !== undefined && to !== undefined && from > to)
    throw new UsageError(`--from "${values.from}" is later than --to "${values.to}"; exchange them`);
  return { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
}

/** `--from` and `--to` for a command's options. */
export const timeRangeOptions = { from: { type: 'string' }, to: { type: 'string' } } as const;

/** How `help` explains them. */
export const timeRangeLines = [
  ['--from <time>', 'not before this time: 2026-11-23 or 2026-11-23T02:00:00Z'],
  ['--to <time>', 'not after this time; a date alone means its end, in UTC'],
] as const;
