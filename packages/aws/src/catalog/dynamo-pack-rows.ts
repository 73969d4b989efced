import type { PackId, PackRow, PackRows } from '@holdfast/engine';
import { indexKeys, packCodec, rowKeys, spread, timeKeyRange } from './dynamo-items.ts';
import { DynamoRows } from './dynamo-rows.ts';
import type { DynamoTable } from './dynamo-table.ts';

export class DynamoPackRows extends DynamoRows<PackRow> implements PackRows {
  constructor(table: DynamoTable) {
    super(table, {
      codec: packCodec,
      keyOf: rowKeys.pack,
      indexed: { lockUntil: indexKeys.duePack, damaged: indexKeys.damagedPack },
    });
  }

  async findAll(packIds: readonly PackId[]): Promise<readonly PackRow[]> {
    const items = await this.table.findAll(packIds.map(rowKeys.pack));
    return items.map((item) => packCodec.decode(item));
  }

  async *listDue(before: Date, partition?: number): AsyncIterable<PackRow> {
    for (const digit of partition === undefined ? spread : spread.slice(partition, partition + 1)) {
      const { from } = timeKeyRange(undefined);
      // A key is its time and more, so one of exactly that time lies behind the bound.
      const to = before.toISOString();
      const items = this.table.query({ index: 'GSI2', partition: `SWEEP#${digit}`, from, to });
      for await (const item of items) yield packCodec.decode(item);
    }
  }

  async *listDamaged(): AsyncIterable<PackRow> {
    // Pack ids are hexadecimal digits.
    const items = this.table.query({ index: 'GSI1', partition: 'DAMAGED', from: '0', to: 'g' });
    for await (const item of items) yield packCodec.decode(item);
  }
}
