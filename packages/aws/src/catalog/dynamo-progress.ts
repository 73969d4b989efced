import {
  addAmounts,
  type AmountKnown,
  type ProgressReports,
  type ReportedWork,
  type WorkAmount,
} from '@holdfast/engine';
import { safety } from '@holdfast/engine/model';
import type { Item } from './dynamo-batches.ts';
import { progressPartition, type RowKey, rowKeys, spread } from './dynamo-items.ts';
import type { DynamoTable } from './dynamo-table.ts';
import { catalogEnd } from './table-schema.ts';

/**
 * Reports as items of the catalog's table, outside its indexes: a write unit each. Adding up costs a read unit for about
 * 40 parts, and sixteen at least.
 */
export class DynamoProgress implements ProgressReports {
  readonly #table: DynamoTable;

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  async report(workId: string, part: number, { files, bytes }: WorkAmount, at: Date): Promise<void> {
    // Refused where the row says more already.
    await this.#table.put(ending({ ...rowKeys.progress(workId, part), files, bytes }, at), {
      when: 'attribute_not_exists(#PK) OR (#files <= :files AND #bytes <= :bytes)',
      values: { files, bytes },
    });
  }

  async noteTotal(workId: string, total: AmountKnown, at: Date): Promise<void> {
    await this.#table.put(ending({ ...rowKeys.progress(workId, 'total'), ...total }, at));
  }

  async find(workId: string): Promise<ReportedWork | undefined> {
    const lists = await Promise.all(
      spread.map(async (_, digit) =>
        Array.fromAsync(
          this.#table.query({
            partition: progressPartition(workId, digit),
            from: 'PART#',
            to: totalKey,
          }),
        ),
      ),
    );
    const items = lists.flat();
    const parts = items.filter(({ SK }) => SK !== totalKey) as unknown as WorkAmount[];
    if (parts.length === 0) return undefined;
    const { files, bytes } = addAmounts(parts);
    const total = items.find(({ SK }) => SK === totalKey) as AmountKnown | undefined;
    return { files, bytes, ...(total && { total: { files: total.files, bytes: total.bytes } }) };
  }
}

const totalKey = rowKeys.progress('', 'total').SK;

function ending<Row extends Item & RowKey>(row: Row, at: Date): Row {
  const end = Math.ceil(at.getTime() / 1000) + safety.progressDays * 86_400;
  return { ...row, [catalogEnd]: end };
}
