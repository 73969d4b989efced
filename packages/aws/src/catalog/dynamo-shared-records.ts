import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Clock, RandomBytes, SharedName, SharedRecords } from '@holdfast/engine';
import * as z from 'zod';
import { rowKeys } from './dynamo-items.ts';
import { DynamoTable } from './dynamo-table.ts';

const Row = z.object({ version: z.int(), record: z.unknown() });

/** Records as items of the catalog's table. Replacing one costs a unit for each KiB. */
export class DynamoSharedRecords implements SharedRecords {
  readonly #table: DynamoTable;

  constructor(dynamo: DynamoDBDocumentClient, tableName: string, clock: Clock, random: RandomBytes) {
    this.#table = new DynamoTable(dynamo, tableName, clock, random);
  }

  async find(name: SharedName): Promise<{ readonly record: unknown; readonly version: number } | undefined> {
    const item = await this.#table.find(rowKeys.shared(name));
    return item && Row.parse(item);
  }

  async replace(
    name: SharedName,
    version: number | undefined,
    record: object,
  ): Promise<'replaced' | 'changed'> {
    const item = { ...rowKeys.shared(name), version: (version ?? 0) + 1, record };
    const condition =
      version === undefined
        ? { when: 'attribute_not_exists(#PK)' }
        : { when: '#version = :version', values: { version } };
    return (await this.#table.put(item, condition)) === 'done' ? 'replaced' : 'changed';
  }
}
