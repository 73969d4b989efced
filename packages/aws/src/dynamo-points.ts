import type { PointId, PointRow, ResourceArn, TimeRange } from '@holdfast/engine';
import { indexKeys, pointCodec, type RowKey, rowKeys, spread, timeKeyRange } from './dynamo-rows.ts';
import type { DynamoTable } from './dynamo-table.ts';

/**
 * The catalog's recovery points: a row in the resource's partition, so that lists are consistent and in order, and a
 * small item by point id that says where the row is.
 */
export class DynamoPoints {
  readonly #table: DynamoTable;

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  async put(row: PointRow): Promise<void> {
    const key = rowKeys.point(row.resourceArn, row.sourceTime, row.pointId);
    await this.#table.transact(
      [
        this.#table.putAction({ ...key, ...indexKeys.point(row), ...pointCodec.encode(row) }),
        this.#table.putAction({ ...rowKeys.pointPlace(row.pointId), place: key }),
      ],
      `writing point ${row.pointId}`,
    );
    // Not in the transaction: being repeatable is enough, and a refusal must not take the row with it.
    await this.#table.update({
      key: rowKeys.resource(row.resourceArn),
      set: { lastPointId: row.pointId, lastSourceTime: row.sourceTime.toISOString() },
      when:
        'attribute_not_exists(#lastSourceTime) OR #lastSourceTime < :set_lastSourceTime OR ' +
        '(#lastSourceTime = :set_lastSourceTime AND #lastPointId < :set_lastPointId)',
    });
  }

  async find(pointId: PointId): Promise<PointRow | undefined> {
    const place = await this.#findPlace(pointId);
    const item = place && (await this.#table.find(place));
    return item && pointCodec.decode(item);
  }

  async *list(resourceArn: ResourceArn, range?: TimeRange): AsyncIterable<PointRow> {
    const { PK } = rowKeys.resource(resourceArn);
    const items = this.#table.query({ partition: PK, ...timeKeyRange(range, 'POINT#'), newestFirst: true });
    for await (const item of items) yield pointCodec.decode(item);
  }

  async *listExpiring(range: TimeRange): AsyncIterable<PointRow> {
    for (const digit of spread) {
      const items = this.#table.query({
        index: 'GSI2',
        partition: `EXPIRE#${digit}`,
        ...timeKeyRange(range),
      });
      for await (const item of items) yield pointCodec.decode(item);
    }
  }

  async remove(pointId: PointId): Promise<void> {
    const place = await this.#findPlace(pointId);
    if (place === undefined) return;
    await this.#table.transact(
      [
        this.#table.removeAction({ key: place }),
        this.#table.removeAction({ key: rowKeys.pointPlace(pointId) }),
      ],
      `removing point ${pointId}`,
    );
  }

  async #findPlace(pointId: PointId): Promise<RowKey | undefined> {
    const item = await this.#table.find(rowKeys.pointPlace(pointId));
    return item?.['place'] as RowKey | undefined;
  }
}
