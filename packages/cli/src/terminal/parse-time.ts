import { dayMs } from '@holdfast/engine/model';

/** Form of a time, for messages. */
export const timeForms = '2026-11-23 or 2026-11-23T02:00:00Z';

const timeForm = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/;

/**
 * Reads a time in ISO 8601. Without a zone it is UTC; a date alone is the start or the end of that day, by `edge`.
 * @returns `undefined` for text that is no time.
 */
export function parseTime(text: string, edge: 'start' | 'end'): Date | undefined {
  const [, year, month, day, clock, zone = 'Z'] = timeForm.exec(text) ?? [];
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  const time = clock === undefined ? date : new Date(`${year}-${month}-${day}T${clock}${zone}`);
  // JavaScript reads February 30 as March 2.
  if (Number.isNaN(time.getTime()) || date.getUTCDate() !== Number(day)) return undefined;
  return clock === undefined && edge === 'end' ? new Date(time.getTime() + dayMs - 1) : time;
}
