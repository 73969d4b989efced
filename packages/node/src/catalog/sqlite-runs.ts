import { RunClosedError, RunOpenError, UnknownNameError } from '@holdfast/engine';
import type { ResourceArn, RunChange, RunId, RunOutcome, RunRow } from '@holdfast/engine';

import type { SqliteDatabase } from './sqlite-database.ts';
import { definedOnly, encodeRow, findRow } from './sqlite-rows.ts';

/** Fields of a run that are dates. */
export const runDates = ['leaseUntil', 'startedAt', 'aliveUntil', 'endedAt'] as const;

/** The runs of a {@link SqliteCatalog}. Every method is called inside a transaction, and does what the port says. */
export class SqliteRuns {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** @throws {@link RunOpenError} another run of the resource is open and alive. */
  open(row: RunRow): { readonly row: RunRow; readonly opened: boolean } {
    const known = this.find(row.runId);
    if (known !== undefined) return { row: known, opened: false };
    const open = this.#findOpen(row.resourceArn);
    if (open !== undefined) {
      if (open.aliveUntil > row.startedAt) {
        throw new RunOpenError(row.resourceArn, open.runId, open.aliveUntil);
      }
      this.#put({ ...open, state: 'failed', endedAt: row.startedAt, error: abandoned(open, row.runId) });
    }
    this.#put(row);
    this.#database
      .statement('INSERT OR REPLACE INTO open_runs (resource, run) VALUES (?, ?)')
      .run(row.resourceArn, row.runId);
    return { row, opened: true };
  }

  find(runId: RunId): RunRow | undefined {
    return findRow<RunRow>(this.#database, 'runs', runId, runDates);
  }

  /** @throws {@link RunClosedError} it is not open. */
  update(runId: RunId, change: RunChange): RunRow {
    return this.#put({ ...this.#getOpen(runId), ...definedOnly(change) });
  }

  /** @throws {@link RunClosedError} it is not open. */
  touch(runId: RunId, aliveUntil: Date): void {
    const row = this.#getOpen(runId);
    if (aliveUntil > row.aliveUntil) this.#put({ ...row, aliveUntil });
  }

  cancel(runId: RunId): RunRow {
    const row = this.#get(runId);
    return row.state === 'open' ? this.#put({ ...row, state: 'cancelling' }) : row;
  }

  close(runId: RunId, outcome: RunOutcome): { readonly row: RunRow; readonly closed: boolean } {
    const row = this.#get(runId);
    if (row.state !== 'open' && row.state !== 'cancelling') return { row, closed: false };
    this.#database.statement('DELETE FROM open_runs WHERE resource = ?').run(row.resourceArn);
    return { row: this.#put({ ...row, ...definedOnly(outcome) }), closed: true };
  }

  #findOpen(resource: ResourceArn): RunRow | undefined {
    const found = this.#database.statement('SELECT run FROM open_runs WHERE resource = ?').get(resource);
    return found === undefined ? undefined : this.find((found as { run: RunId }).run);
  }

  #get(runId: RunId): RunRow {
    const row = this.find(runId);
    if (row === undefined) throw new UnknownNameError(`run ${runId} is not in the catalog; check the run id`);
    return row;
  }

  #getOpen(runId: RunId): RunRow {
    const row = this.#get(runId);
    if (row.state !== 'open') throw new RunClosedError(runId, `its state is ${row.state}`);
    return row;
  }

  #put(row: RunRow): RunRow {
    const { runId, resourceArn, plan, startedAt } = row;
    this.#database
      .statement('INSERT OR REPLACE INTO runs (id, resource, plan, time, row) VALUES (?, ?, ?, ?, ?)')
      .run(runId, resourceArn, plan, startedAt.getTime(), encodeRow(row));
    return row;
  }
}

function abandoned(open: RunRow, by: RunId): NonNullable<RunRow['error']> {
  return {
    name: 'RunAbandonedError',
    message: `nothing was heard of run ${open.runId} after ${open.aliveUntil.toISOString()}; run ${by} took over`,
  };
}
