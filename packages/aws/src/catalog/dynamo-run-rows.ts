import type {
  Holder,
  ResourceArn,
  RunFilter,
  RunId,
  RunRow,
  RunRows,
  TransitionStep,
  TimeRange,
} from '@holdfast/engine';
import { indexKeys, rowKeys, runCodec, timeKeyRange } from './dynamo-items.ts';
import { DynamoRows } from './dynamo-rows.ts';
import type { DynamoTable } from './dynamo-table.ts';

const isNew = { when: 'attribute_not_exists(#PK)' };

/**
 * The rows of runs in a DynamoDB table. A resource has at most one open run, because its run id is noted in one item of
 * the resource that is written and deleted in the same transaction as the run's state.
 */
export class DynamoRunRows extends DynamoRows<RunRow> implements RunRows {
  constructor(table: DynamoTable) {
    super(table, { codec: runCodec, keyOf: rowKeys.run, indexed: {} });
  }

  async findHolder(resourceArn: ResourceArn): Promise<RunId | undefined> {
    const note = await this.table.find(rowKeys.openRun(resourceArn));
    return note?.['runId'] as RunId | undefined;
  }

  async open(row: RunRow, holder: Holder | undefined): Promise<'done' | 'refused'> {
    const { runId, resourceArn } = row;
    return this.table.transact(
      [
        this.table.putAction({ ...this.itemOf(runId, row), ...indexKeys.run(row) }, isNew),
        this.table.putAction(
          { ...rowKeys.openRun(resourceArn), runId },
          holder === undefined ? isNew : { when: '#runId = :holder', values: { holder: holder.runId } },
        ),
        ...(holder?.ending === undefined ? [] : [this.#endAction(holder.runId, holder.ending)]),
        this.#recordAction(row),
      ],
      `opening run ${runId} of ${resourceArn}`,
    );
  }

  async close(row: RunRow, ending: TransitionStep<RunRow>): Promise<'done' | 'refused'> {
    const { runId, resourceArn } = row;
    return this.table.transact(
      [
        this.#endAction(runId, ending),
        this.table.removeAction({
          key: rowKeys.openRun(resourceArn),
          // Absent after a rebuild of the table, which does not note open runs.
          when: 'attribute_not_exists(#PK) OR #runId = :run',
          values: { run: runId },
        }),
        this.#recordAction(row),
      ],
      `closing run ${runId}`,
    );
  }

  async *list({ resourceArn, plan }: RunFilter, range?: TimeRange): AsyncIterable<RunRow> {
    const items = this.table.query({
      ...(resourceArn === undefined
        ? { index: 'GSI2', partition: 'RUNS' }
        : { index: 'GSI1', partition: `RUNS#${resourceArn}` }),
      ...timeKeyRange(range),
      newestFirst: true,
    });
    for await (const item of items) {
      const row = runCodec.decode(item);
      if (plan === undefined || row.plan === plan) yield row;
    }
  }

  #endAction(runId: RunId, ending: TransitionStep<RunRow>) {
    return this.table.updateAction(this.changeOf(runId, rowKeys.run(runId), ending));
  }

  /** Sets the resource's `last…` fields; its row need not have been discovered yet. */
  #recordAction({ resourceArn, runId, state }: RunRow) {
    const set = { lastRunId: runId, lastRunState: state };
    return this.table.updateAction({ key: rowKeys.resource(resourceArn), set });
  }
}
