import {
  type Holder,
  meets,
  type ResourceArn,
  type RunFilter,
  type RunId,
  type RunRow,
  type RunRows,
  type TransitionStep,
  takeStep,
  type TimeRange,
} from '@holdfast/engine';
import type { SqliteDatabase } from './sqlite-database.ts';
import type { SqliteResources } from './sqlite-resources.ts';
import { SqliteRows } from './sqlite-rows.ts';

export class SqliteRunRows extends SqliteRows<RunRow> implements RunRows {
  readonly #resources: SqliteResources;

  constructor(database: SqliteDatabase, resources: SqliteResources) {
    super(database, {
      table: 'runs',
      dates: ['leaseUntil', 'startedAt', 'aliveUntil', 'endedAt'],
      columnsOf: ({ resourceArn, plan, startedAt }) => ({
        resource: resourceArn,
        plan,
        time: startedAt.getTime(),
      }),
    });
    this.#resources = resources;
  }

  async findHolder(resourceArn: ResourceArn): Promise<RunId | undefined> {
    return this.database.snapshot(() => this.#findHolderNow(resourceArn));
  }

  async open(row: RunRow, holder: Holder | undefined): Promise<'done' | 'refused'> {
    const { runId, resourceArn } = row;
    return this.database.durably(() => {
      if (this.findNow(runId) !== undefined || this.#findHolderNow(resourceArn) !== holder?.runId)
        return 'refused';
      if (holder?.ending !== undefined && !this.#endNow(holder.runId, holder.ending)) return 'refused';
      this.putNow(runId, row);
      this.database
        .statement('INSERT OR REPLACE INTO open_runs (resource, run) VALUES (?, ?)')
        .run(resourceArn, runId);
      this.#resources.recordNow(row);
      return 'done';
    });
  }

  async close(row: RunRow, ending: TransitionStep<RunRow>): Promise<'done' | 'refused'> {
    const { runId, resourceArn } = row;
    return this.database.durably(() => {
      if ((this.#findHolderNow(resourceArn) ?? runId) !== runId || !this.#endNow(runId, ending))
        return 'refused';
      this.database.statement('DELETE FROM open_runs WHERE resource = ?').run(resourceArn);
      this.#resources.recordNow(row);
      return 'done';
    });
  }

  list({ resourceArn, plan }: RunFilter, range?: TimeRange): AsyncIterable<RunRow> {
    const equal = {
      ...(resourceArn === undefined ? {} : { resource: resourceArn }),
      ...(plan === undefined ? {} : { plan }),
    };
    return this.listByTime({ equal, range });
  }

  #findHolderNow(resource: ResourceArn): RunId | undefined {
    const found = this.database.statement('SELECT run FROM open_runs WHERE resource = ?').get(resource);
    return found?.['run'] as RunId | undefined;
  }

  #endNow(runId: RunId, ending: TransitionStep<RunRow>): boolean {
    const row = this.findNow(runId);
    if (row === undefined || !meets(ending.when, row)) return false;
    this.putNow(runId, takeStep(row, [ending]));
    return true;
  }
}
