import type { HoldId } from '../ids.ts';
import type { PackRow } from './catalog/packs.ts';
import type { PointRow } from './catalog/points.ts';

/** What becomes of rows under the catalog's rules: for catalogs that write whole rows, one at a time. */

interface Held {
  readonly holds?: readonly HoldId[];
}

/** The row with one hold more; its set is sorted. */
export function addHoldTo<Row extends Held>(row: Row, holdId: HoldId): Row {
  return { ...row, holds: [...new Set([...(row.holds ?? []), holdId])].sort() };
}

/** The row with one hold less, and without a set where the last one went. */
export function removeHoldFrom<Row extends Held>(row: Row, holdId: HoldId): Row {
  const { holds, ...others } = row;
  const left = (holds ?? []).filter((held) => held !== holdId);
  return (left.length === 0 ? others : { ...row, holds: left }) as Row;
}

/** The row with what is known of its snapshots. */
export function withSnapshotsMissing(row: PointRow, count: number): PointRow {
  const { snapshotsMissing: _before, ...others } = row;
  return count === 0 ? others : { ...others, snapshotsMissing: count };
}

/** A point's row that is put again: what happened to the known one, and its later expiry, stay. */
export function renewPointRow(known: PointRow, row: PointRow): PointRow {
  const { holds: _holds, expiring: _expiring, ...facts } = row;
  return {
    ...facts,
    expiresAt: laterOf(known.expiresAt, row.expiresAt),
    holds: known.holds,
    ...(known.expiring && { expiring: true }),
    snapshotsMissing: known.snapshotsMissing,
  };
}

/** A pack's row whose object was found in the store: only later dates and missing holds are taken over. */
export function recoverPackRow(known: PackRow, found: PackRow): PackRow {
  const lockedUntil =
    known.lockedUntil && found.lockedUntil
      ? laterOf(known.lockedUntil, found.lockedUntil)
      : (known.lockedUntil ?? found.lockedUntil);
  const merged: PackRow = {
    ...known,
    lockUntil: laterOf(known.lockUntil, found.lockUntil),
    lockedUntil,
  };
  return (found.holds ?? []).reduce(addHoldTo, merged);
}

function laterOf(a: Date, b: Date): Date {
  return a > b ? a : b;
}
