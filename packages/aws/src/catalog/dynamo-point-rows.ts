import type { ExpiryPlace, PointId, PointRow, PointRows, ResourceArn, TimeRange } from '@holdfast/engine';
import { indexKeys, pointCodec, type RowKey, rowKeys, spread, timeKeyRange } from './dynamo-items.ts';
import { DynamoRows } from './dynamo-rows.ts';
import type { DynamoTable } from './dynamo-table.ts';

/**
 * Rows of points lie in the resource's partition, so that lists are consistent and in order. A small item by point id
 * says where the row is.
 */
export class DynamoPointRows extends DynamoRows<PointRow> implements PointRows {
  constructor(table: DynamoTable) {
    super(table, {
      codec: pointCodec,
      keyOf: rowKeys.pointPlace,
      indexed: { expiresAt: indexKeys.expiringPoint, holds: indexKeys.heldPoint },
    });
  }

  override async insert(pointId: string, row: PointRow): Promise<'inserted' | 'taken'> {
    const key = rowKeys.point(row.resourceArn, row.sourceTime, row.pointId);
    const verdict = await this.table.transact(
      [
        this.table.putAction(this.itemOf(pointId, row, key), { when: 'attribute_not_exists(#PK)' }),
        this.table.putAction({ ...rowKeys.pointPlace(pointId), place: key }),
      ],
      `writing point ${pointId}`,
    );
    return verdict === 'done' ? 'inserted' : 'taken';
  }

  override async remove(pointId: string): Promise<void> {
    const key = await this.locate(pointId);
    if (key === undefined) return;
    await this.table.transact(
      [this.table.removeAction({ key }), this.table.removeAction({ key: rowKeys.pointPlace(pointId) })],
      `removing point ${pointId}`,
    );
  }

  async *list(resourceArn: ResourceArn, range?: TimeRange): AsyncIterable<PointRow> {
    const { PK } = rowKeys.resource(resourceArn);
    const items = this.table.query({ partition: PK, ...timeKeyRange(range, 'POINT#'), newestFirst: true });
    for await (const item of items) yield pointCodec.decode(item);
  }

  async *listExpiring(range: TimeRange, after?: ExpiryPlace): AsyncIterable<PointRow> {
    const last = after && indexKeys.expiringPoint(after.pointId, after.expiresAt);
    for (const partition of spread.map((digit) => `EXPIRE#${digit}`)) {
      if (last !== undefined && partition < last.GSI2PK) continue;
      const { from, to } = timeKeyRange(range);
      // Point ids are all of one length, and have no character that sorts as low as this one.
      const behind = partition === last?.GSI2PK ? `${last.GSI2SK}!` : from;
      const start = behind > from ? behind : from;
      const items = this.table.query({ index: 'GSI2', partition, from: start, to });
      for await (const item of items) yield pointCodec.decode(item);
    }
  }

  async *listHeld(startAfter?: PointId): AsyncIterable<PointRow> {
    // Point ids begin with a year, are all of one length, and have no character that sorts as low as this one.
    const from = startAfter === undefined ? '0' : `${startAfter}!`;
    const items = this.table.query({ index: 'GSI1', partition: 'HELD', from, to: ':' });
    for await (const item of items) yield pointCodec.decode(item);
  }

  protected override async locate(pointId: string): Promise<RowKey | undefined> {
    const item = await this.table.find(rowKeys.pointPlace(pointId));
    return item?.['place'] as RowKey | undefined;
  }
}
