import type { HoldId, HoldRow, Holds } from '@holdfast/engine';
import { holdCodec, holdsPartition, rowKeys } from './dynamo-items.ts';
import type { DynamoTable } from './dynamo-table.ts';

export class DynamoHolds implements Holds {
  readonly #table: DynamoTable;

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  async put(row: HoldRow): Promise<void> {
    await this.#table.put({ ...rowKeys.hold(row.holdId), ...holdCodec.encode(row) });
  }

  async find(holdId: HoldId): Promise<HoldRow | undefined> {
    const item = await this.#table.find(rowKeys.hold(holdId));
    return item && holdCodec.decode(item);
  }

  async *list(): AsyncIterable<HoldRow> {
    const rows: HoldRow[] = [];
    const items = this.#table.query({ partition: holdsPartition, from: 'HOLD#', to: 'HOLD$' });
    for await (const item of items) rows.push(holdCodec.decode(item));
    yield* rows.sort((a, b) => b.setAt.getTime() - a.setAt.getTime() || (a.holdId < b.holdId ? 1 : -1));
  }
}
