import type { HoldId } from '../ids.ts';

interface Held {
  readonly holds?: readonly HoldId[];
}

/** The row with one hold more, for catalogs that write whole rows; its set is sorted. */
export function addHoldTo<Row extends Held>(row: Row, holdId: HoldId): Row {
  return { ...row, holds: [...new Set([...(row.holds ?? []), holdId])].sort() };
}

/** The row with one hold less, and without a set where the last one went. */
export function removeHoldFrom<Row extends Held>(row: Row, holdId: HoldId): Row {
  const { holds, ...others } = row;
  const left = (holds ?? []).filter((held) => held !== holdId);
  return (left.length === 0 ? others : { ...row, holds: left }) as Row;
}
