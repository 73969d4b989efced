import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { CallCounts, CallRates, Clock, RandomBytes, RatedCall } from '@holdfast/engine';
import * as z from 'zod';
import { rowKeys } from './dynamo-items.ts';
import { DynamoTable } from './dynamo-table.ts';

const count = z.int().nonnegative();
const SecondCount = z.object({
  asked: count,
  askers: count,
  askedBefore: count,
  askersBefore: count,
  given: count,
  claimed: count,
});
const Row = z.object({
  version: z.int(),
  counts: z.object({
    second: count,
    account: SecondCount,
    snapshots: z.record(z.string(), SecondCount),
  }) satisfies z.ZodType<CallCounts>,
});

/** Counts of calls, as one item of the catalog's table for each kind of call: a write of a unit for each KiB. */
export class DynamoCallRates implements CallRates {
  readonly #table: DynamoTable;

  constructor(dynamo: DynamoDBDocumentClient, tableName: string, clock: Clock, random: RandomBytes) {
    this.#table = new DynamoTable(dynamo, tableName, clock, random);
  }

  async find(call: RatedCall): Promise<z.output<typeof Row> | undefined> {
    const item = await this.#table.find(rowKeys.callRate(call));
    return item && Row.parse(item);
  }

  async replace(
    call: RatedCall,
    version: number | undefined,
    counts: CallCounts,
  ): Promise<'replaced' | 'changed'> {
    const item = { ...rowKeys.callRate(call), version: (version ?? 0) + 1, counts };
    const condition =
      version === undefined
        ? { when: 'attribute_not_exists(#PK)' }
        : { when: '#version = :version', values: { version } };
    return (await this.#table.put(item, condition)) === 'done' ? 'replaced' : 'changed';
  }
}
