import { addHoldTo, removeHoldFrom, renewPointRow, withSnapshotsMissing } from '@holdfast/engine';
import type { HoldId, PointId, PointRow, ResourceArn, TimeRange } from '@holdfast/engine';

import { catalogExpressions } from './sqlite-catalog-schema.ts';
import type { SqliteDatabase } from './sqlite-database.ts';
import { encodeRow, findRow, listByTime, listWhere } from './sqlite-rows.ts';

const pointDates = ['sourceTime', 'committedAt', 'expiresAt'] as const;

/**
 * The recovery points of a {@link SqliteCatalog}. Every method does what the port says, and is called inside a
 * transaction; lists are called outside.
 */
export class SqlitePoints {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  put(row: PointRow): void {
    const known = this.find(row.pointId);
    this.#write(known === undefined ? row : renewPointRow(known, row));
  }

  find(pointId: PointId): PointRow | undefined {
    return findRow<PointRow>(this.#database, 'points', pointId, pointDates);
  }

  list(resourceArn: ResourceArn, range: TimeRange): AsyncIterable<PointRow> {
    return listByTime<PointRow>(this.#database, {
      table: 'points',
      time: 'time',
      equal: { resource: resourceArn },
      range,
      dates: pointDates,
    });
  }

  listExpiring(range: TimeRange): AsyncIterable<PointRow> {
    return listByTime<PointRow>(this.#database, {
      table: 'points',
      time: 'expires',
      equal: {},
      range,
      dates: pointDates,
    });
  }

  startExpiring(pointId: PointId, now: Date): PointRow | 'kept' {
    const row = this.find(pointId);
    if (row?.expiring === true) return row;
    if (row === undefined || row.expiresAt > now || row.holds !== undefined) return 'kept';
    return this.#write({ ...row, expiring: true });
  }

  remove(pointId: PointId): void {
    this.#database.statement('DELETE FROM points WHERE id = ?').run(pointId);
  }

  prolong(pointId: PointId, expiresAt: Date): 'prolonged' | 'gone' {
    const row = this.#findKept(pointId);
    if (row === undefined) return 'gone';
    if (expiresAt > row.expiresAt) this.#write({ ...row, expiresAt });
    return 'prolonged';
  }

  noteSnapshotsMissing(pointId: PointId, count: number): void {
    const row = this.find(pointId);
    if (row !== undefined) this.#write(withSnapshotsMissing(row, count));
  }

  addHold(pointId: PointId, holdId: HoldId): 'held' | 'gone' {
    const row = this.#findKept(pointId);
    if (row === undefined) return 'gone';
    this.#write(addHoldTo(row, holdId));
    return 'held';
  }

  removeHold(pointId: PointId, holdId: HoldId): void {
    const row = this.find(pointId);
    if (row !== undefined) this.#write(removeHoldFrom(row, holdId));
  }

  listHeld(): AsyncIterable<PointRow> {
    return listWhere<PointRow>(this.#database, {
      table: 'points',
      condition: `${catalogExpressions.holds} IS NOT NULL`,
      dates: pointDates,
    });
  }

  #findKept(pointId: PointId): PointRow | undefined {
    const row = this.find(pointId);
    return row?.expiring === true ? undefined : row;
  }

  #write(row: PointRow): PointRow {
    this.#database
      .statement('INSERT OR REPLACE INTO points (id, resource, time, expires, row) VALUES (?, ?, ?, ?, ?)')
      .run(row.pointId, row.resourceArn, row.sourceTime.getTime(), row.expiresAt.getTime(), encodeRow(row));
    return row;
  }
}
