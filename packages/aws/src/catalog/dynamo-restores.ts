import type { RestoreRow, Restores, TimeRange } from '@holdfast/engine';
import { indexKeys, restoreCodec, rowKeys, timeKeyRange } from './dynamo-items.ts';
import type { DynamoTable } from './dynamo-table.ts';

export class DynamoRestores implements Restores {
  readonly #table: DynamoTable;

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  async put(row: RestoreRow): Promise<void> {
    await this.#table.put({
      ...rowKeys.restore(row.restoreId),
      ...indexKeys.restore(row),
      ...restoreCodec.encode(row),
    });
  }

  async find(restoreId: string): Promise<RestoreRow | undefined> {
    const item = await this.#table.find(rowKeys.restore(restoreId));
    return item && restoreCodec.decode(item);
  }

  async *list(range?: TimeRange): AsyncIterable<RestoreRow> {
    const items = this.#table.query({
      index: 'GSI1',
      partition: 'RESTORES',
      ...timeKeyRange(range),
      newestFirst: true,
    });
    for await (const item of items) yield restoreCodec.decode(item);
  }
}
