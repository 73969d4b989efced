import {
  CatalogConflictError,
  type RunChange,
  RunClosedError,
  type RunFilter,
  type RunId,
  RunOpenError,
  type RunOutcome,
  type RunRow,
  type Runs,
  type TimeRange,
  UnknownNameError,
} from '@holdfast/engine';
import { indexKeys, rowKeys, runCodec, timeKeyRange } from './dynamo-rows.ts';
import type { DynamoTable } from './dynamo-table.ts';

/** How often a decision is taken anew because the rows changed while it was taken. */
const decisions = 10;
const isOpen = '#state IN (:open, :cancelling)';
const openStates = { open: 'open', cancelling: 'cancelling' };

/** Where a resource's open run is noted. */
interface OpenRunNote {
  readonly runId: RunId;
}

/**
 * The catalog's runs. A resource has at most one open run, because its run id is noted in one item of the resource
 * that is written and deleted in the same transaction as the run's state.
 */
export class DynamoRuns implements Runs {
  readonly #table: DynamoTable;

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  async open(row: RunRow): Promise<RunRow> {
    for (let decision = 0; decision < decisions; decision++) {
      const known = await this.find(row.runId);
      if (known !== undefined) return known;
      const note = (await this.#table.find(rowKeys.openRun(row.resourceArn))) as OpenRunNote | undefined;
      const holder = note && (await this.find(note.runId));
      // The same call, made twice at once: the other one got ahead between our two reads.
      if (holder?.runId === row.runId) return holder;
      if (holder !== undefined && holder.aliveUntil > row.startedAt) {
        throw new RunOpenError(row.resourceArn, holder.runId, holder.aliveUntil);
      }
      const verdict = await this.#table.transact(
        [
          this.#table.putAction(
            { ...rowKeys.run(row.runId), ...indexKeys.run(row), ...runCodec.encode(row) },
            { when: 'attribute_not_exists(#PK)' },
          ),
          this.#table.putAction(
            { ...rowKeys.openRun(row.resourceArn), runId: row.runId },
            note === undefined
              ? { when: 'attribute_not_exists(#PK)' }
              : { when: '#runId = :holder', values: { holder: note.runId } },
          ),
          ...(holder === undefined ? [] : [this.#abandonAction(holder, row)]),
          this.#recordAction(row),
        ],
        `opening run ${row.runId} of ${row.resourceArn}`,
      );
      if (verdict === 'done') return row;
    }
    throw conflict(row.runId);
  }

  async find(runId: RunId): Promise<RunRow | undefined> {
    const item = await this.#table.find(rowKeys.run(runId));
    return item && runCodec.decode(item);
  }

  async update(runId: RunId, change: RunChange): Promise<RunRow> {
    const set = runCodec.encode(change);
    if (Object.keys(set).length > 0) {
      const verdict = await this.#table.update({
        key: rowKeys.run(runId),
        set,
        when: '#state = :open',
        values: { open: 'open' },
      });
      const row = await this.#get(runId);
      if (verdict === 'refused') throw closedError(row);
      return row;
    }
    const row = await this.#get(runId);
    if (row.state !== 'open') throw closedError(row);
    return row;
  }

  async touch(runId: RunId, aliveUntil: Date): Promise<void> {
    const verdict = await this.#table.update({
      key: rowKeys.run(runId),
      set: runCodec.encode({ aliveUntil }),
      when: '#state = :open AND #aliveUntil < :set_aliveUntil',
      values: { open: 'open' },
    });
    if (verdict === 'done') return;
    const row = await this.#get(runId);
    // Still open: another worker has said a later time already.
    if (row.state !== 'open') throw closedError(row);
  }

  async cancel(runId: RunId): Promise<RunRow> {
    await this.#table.update({
      key: rowKeys.run(runId),
      set: { state: 'cancelling' },
      when: '#state = :open',
      values: { open: 'open' },
    });
    return this.#get(runId);
  }

  async close(runId: RunId, outcome: RunOutcome): Promise<RunRow> {
    for (let decision = 0; decision < decisions; decision++) {
      const row = await this.#get(runId);
      if (row.state !== 'open' && row.state !== 'cancelling') return row;
      const closed: RunRow = { ...row, ...outcome };
      await this.#table.transact(
        [
          this.#table.updateAction({
            key: rowKeys.run(runId),
            set: runCodec.encode(outcome),
            when: isOpen,
            values: openStates,
          }),
          this.#table.removeAction({
            key: rowKeys.openRun(row.resourceArn),
            // Absent after a rebuild of the table, which does not note open runs.
            when: 'attribute_not_exists(#PK) OR #runId = :run',
            values: { run: runId },
          }),
          this.#recordAction(closed),
        ],
        `closing run ${runId}`,
      );
      // Done or refused, what the row says now is the outcome; if it is still open, the decision is taken again.
    }
    throw conflict(runId);
  }

  async *list(filter: RunFilter, range?: TimeRange): AsyncIterable<RunRow> {
    const items = this.#table.query({
      ...(filter.resourceArn === undefined
        ? { index: 'GSI2', partition: 'RUNS' }
        : { index: 'GSI1', partition: `RUNS#${filter.resourceArn}` }),
      ...timeKeyRange(range),
      newestFirst: true,
    });
    for await (const item of items) {
      const row = runCodec.decode(item);
      if (filter.plan === undefined || row.plan === filter.plan) yield row;
    }
  }

  /** Closes an abandoned run, unless a worker of it turns up before the transaction. */
  #abandonAction(holder: RunRow, heir: RunRow) {
    const error = {
      name: 'RunAbandonedError',
      message: `nothing was heard of run ${holder.runId} after ${holder.aliveUntil.toISOString()}; run ${heir.runId} took over`,
    };
    return this.#table.updateAction({
      key: rowKeys.run(holder.runId),
      set: runCodec.encode({ state: 'failed', endedAt: heir.startedAt, error }),
      when: `${isOpen} AND #aliveUntil <= :now`,
      values: { ...openStates, now: heir.startedAt.toISOString() },
    });
  }

  /** The resource's `last…` fields; its row need not have been discovered yet. */
  #recordAction(row: RunRow) {
    return this.#table.updateAction({
      key: rowKeys.resource(row.resourceArn),
      set: { lastRunId: row.runId, lastRunState: row.state },
    });
  }

  async #get(runId: RunId): Promise<RunRow> {
    const row = await this.find(runId);
    if (row === undefined) throw new UnknownNameError(`run ${runId} is not in the catalog; check the run id`);
    return row;
  }
}

function closedError(row: RunRow): RunClosedError {
  return new RunClosedError(row.runId, `its state is ${row.state}`);
}

function conflict(runId: RunId): CatalogConflictError {
  return new CatalogConflictError(
    `the rows of run ${runId} changed ${decisions} times meanwhile; try again later`,
  );
}
