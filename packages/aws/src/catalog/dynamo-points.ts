import {
  CatalogConflictError,
  type HoldId,
  type PointId,
  type PointRow,
  type Points,
  type ResourceArn,
  type TimeRange,
} from '@holdfast/engine';
import { indexKeys, pointCodec, type RowKey, rowKeys, spread, timeKeyRange } from './dynamo-rows.ts';
import type { DynamoTable, ItemChange, WriteVerdict } from './dynamo-table.ts';

/** How often a decision is taken anew because the row changed while it was taken. */
const decisions = 10;
const isKept = 'attribute_exists(#PK) AND attribute_not_exists(#expiring)';
/** Fields that a point may lack because of what it is, not because of what happened to it. */
const optionalFacts = ['basePointId'] as const;

/**
 * The catalog's recovery points: a row in the resource's partition, so that lists are consistent and in order, and a
 * small item by point id that says where the row is.
 */
export class DynamoPoints implements Points {
  readonly #table: DynamoTable;

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  async put(row: PointRow): Promise<void> {
    await this.#putRow(row);
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

  async startExpiring(pointId: PointId, now: Date): Promise<PointRow | 'kept'> {
    const verdict = await this.#update(pointId, {
      set: { expiring: true },
      when: 'attribute_exists(#PK) AND attribute_not_exists(#holds) AND #expiresAt <= :now',
      values: { now: now.toISOString() },
    });
    const row = await this.find(pointId);
    // Refused, but decided before: the answer of that time was lost.
    return row !== undefined && (verdict === 'done' || row.expiring === true) ? row : 'kept';
  }

  async prolong(pointId: PointId, expiresAt: Date): Promise<'prolonged' | 'gone'> {
    const verdict = await this.#update(pointId, {
      set: { ...pointCodec.encode({ expiresAt }), ...indexKeys.point({ pointId, expiresAt }) },
      when: `${isKept} AND #expiresAt < :set_expiresAt`,
    });
    if (verdict === 'done') return 'prolonged';
    const row = await this.find(pointId);
    return row === undefined || row.expiring === true ? 'gone' : 'prolonged';
  }

  async noteSnapshotsMissing(pointId: PointId, count: number): Promise<void> {
    await this.#update(pointId, {
      ...(count === 0 ? { remove: ['snapshotsMissing'] } : { set: { snapshotsMissing: count } }),
      when: 'attribute_exists(#PK)',
    });
  }

  async addHold(pointId: PointId, holdId: HoldId): Promise<'held' | 'gone'> {
    const verdict = await this.#update(pointId, {
      set: indexKeys.heldPoint(pointId),
      add: { holds: new Set([holdId]) },
      when: isKept,
    });
    return verdict === 'done' ? 'held' : 'gone';
  }

  async removeHold(pointId: PointId, holdId: HoldId): Promise<void> {
    const only = new Set([holdId]);
    for (let attempt = 0; attempt < decisions; attempt++) {
      // The last hold takes the key of the list of held points with it, in the same write.
      const last = await this.#update(pointId, {
        remove: ['holds', ...Object.keys(indexKeys.heldPoint(pointId))],
        when: '#holds = :only',
        values: { only },
      });
      if (last === 'done') return;
      const oneOfSeveral = await this.#update(pointId, {
        take: { holds: only },
        when: 'contains(#holds, :hold) AND #holds <> :take_holds',
        values: { hold: holdId },
      });
      if (oneOfSeveral === 'done') return;
      if ((await this.find(pointId))?.holds?.includes(holdId) !== true) return;
    }
    throw new CatalogConflictError(
      `the holds of point ${pointId} changed ${decisions} times meanwhile; try again later`,
    );
  }

  async *listHeld(): AsyncIterable<PointRow> {
    // Point ids begin with a year.
    const items = this.#table.query({ index: 'GSI1', partition: 'HELD', from: '0', to: ':' });
    for await (const item of items) yield pointCodec.decode(item);
  }

  /** A new row as it is; of a row that is there, holds, the expirer's mark and a later expiry stay. */
  async #putRow(row: PointRow): Promise<void> {
    const { holds, expiring: _expiring, expiresAt, ...facts } = row;
    const key = rowKeys.point(row.resourceArn, row.sourceTime, row.pointId);
    const set = pointCodec.encode(facts);
    const remove = optionalFacts.filter((name) => facts[name] === undefined);
    for (let attempt = 0; attempt < decisions; attempt++) {
      const created = await this.#table.transact(
        [
          this.#table.putAction(
            {
              ...key,
              ...indexKeys.point(row),
              ...(holds !== undefined && holds.length > 0 ? indexKeys.heldPoint(row.pointId) : {}),
              ...pointCodec.encode(row),
            },
            { when: 'attribute_not_exists(#PK)' },
          ),
          this.#table.putAction({ ...rowKeys.pointPlace(row.pointId), place: key }),
        ],
        `writing point ${row.pointId}`,
      );
      if (created === 'done') return;
      const renewed = await this.#table.update({
        key,
        set: { ...set, ...pointCodec.encode({ expiresAt }), ...indexKeys.point(row) },
        remove,
        when: '#expiresAt <= :set_expiresAt',
      });
      if (renewed === 'done') return;
      const keptLater = await this.#table.update({
        key,
        set,
        remove,
        when: '#expiresAt > :expiresAt',
        values: { expiresAt: expiresAt.toISOString() },
      });
      if (keptLater === 'done') return;
    }
    throw new CatalogConflictError(
      `the row of point ${row.pointId} came and went ${decisions} times meanwhile; try again later`,
    );
  }

  async #update(pointId: PointId, change: Omit<ItemChange, 'key'>): Promise<WriteVerdict> {
    const key = await this.#findPlace(pointId);
    return key === undefined ? 'refused' : this.#table.update({ key, ...change });
  }

  async #findPlace(pointId: PointId): Promise<RowKey | undefined> {
    const item = await this.#table.find(rowKeys.pointPlace(pointId));
    return item?.['place'] as RowKey | undefined;
  }
}
