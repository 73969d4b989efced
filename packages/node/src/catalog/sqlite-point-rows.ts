import type { ExpiryPlace, PointId, PointRow, PointRows, ResourceArn, TimeRange } from '@holdfast/engine';
import { catalogExpressions } from './sqlite-catalog-schema.ts';
import type { SqliteDatabase } from './sqlite-database.ts';
import { SqliteRows } from './sqlite-rows.ts';

export class SqlitePointRows extends SqliteRows<PointRow> implements PointRows {
  constructor(database: SqliteDatabase) {
    super(database, {
      table: 'points',
      dates: ['sourceTime', 'committedAt', 'expiresAt'],
      columnsOf: ({ resourceArn, sourceTime, expiresAt }) => ({
        resource: resourceArn,
        time: sourceTime.getTime(),
        expires: expiresAt.getTime(),
      }),
    });
  }

  list(resourceArn: ResourceArn, range?: TimeRange): AsyncIterable<PointRow> {
    return this.listByTime({ equal: { resource: resourceArn }, range });
  }

  listExpiring(range: TimeRange, after?: ExpiryPlace): AsyncIterable<PointRow> {
    const place = after && { time: after.expiresAt, id: after.pointId };
    return this.listByTime({ time: 'expires', range, after: place });
  }

  listHeld(startAfter?: PointId): AsyncIterable<PointRow> {
    return this.listWhere(`${catalogExpressions.holds} IS NOT NULL`, startAfter);
  }
}
