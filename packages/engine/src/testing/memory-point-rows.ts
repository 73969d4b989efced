import type { PointRows } from '../catalog/rows.ts';
import type { PointId, ResourceArn } from '../ids.ts';
import type { PointRow } from '../ports/catalog/points.ts';
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

  async *listExpiring(range: TimeRange): AsyncIterable<PointRow> {
    await Promise.resolve();
    yield* this.all().filter(({ expiresAt }) => within(expiresAt, range));
  }

  async *listHeld(startAfter = '' as PointId): AsyncIterable<PointRow> {
    await Promise.resolve();
    const rows = this.all().filter(({ pointId, holds }) => holds !== undefined && pointId > startAfter);
    yield* rows.sort((a, b) => (a.pointId < b.pointId ? -1 : 1));
  }
}
