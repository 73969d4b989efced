import type { TimeRange } from '../ports/catalog/time-range.ts';

/** Both ends are included. */
export function within(time: Date, range: TimeRange): boolean {
  return (range.from === undefined || time >= range.from) && (range.to === undefined || time <= range.to);
}

/** Sorts rows as the catalog's lists have them: by time, newest first, then by id. */
export function newestFirst<Row>(
  rows: readonly Row[],
  time: (row: Row) => Date,
  id: (row: Row) => string,
): readonly Row[] {
  return rows.toSorted((a, b) => time(b).getTime() - time(a).getTime() || (id(a) < id(b) ? 1 : -1));
}
