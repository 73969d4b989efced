import type { PointRows } from '../catalog/rows.ts';
import type { PointId, ResourceArn } from '../ids.ts';
import type { ExpiryPlace, PointRow } from '../ports/catalog/points.ts';
import type { TimeRange } from '../ports/catalog/time-range.ts';
import { MemoryRows } from './memory-rows.ts';
import { newestFirst, within } from './row-order.ts';

export class MemoryPointRows extends MemoryRows<PointRow> implements PointRows {
  constructor() {
    super(({ pointId }) => pointId);
  }

  async *list(resourceArn: ResourceArn, range: TimeRange = {}): AsyncIterable<PointRow> {
    await Promise.resolve();
    const rows = this.all().filter((row) => row.resourceArn === resourceArn && within(row.sourceTime, range));
    yield* newestFirst(
      rows,
      (row) => row.sourceTime,
      (row) => row.pointId,
    );
  }

  async *listExpiring(range: TimeRange, after?: ExpiryPlace): AsyncIterable<PointRow> {
    await Promise.resolve();
    const rows = this.all().filter(({ expiresAt }) => within(expiresAt, range));
    yield* byId(rows, after?.pointId);
  }

  async *listHeld(startAfter?: PointId): AsyncIterable<PointRow> {
    await Promise.resolve();
    const rows = this.all().filter(({ holds }) => holds !== undefined);
    yield* byId(rows, startAfter);
  }
}

function byId(rows: readonly PointRow[], startAfter = '' as PointId): readonly PointRow[] {
  return rows
    .filter(({ pointId }) => pointId > startAfter)
    .toSorted((a, b) => (a.pointId < b.pointId ? -1 : 1));
}
