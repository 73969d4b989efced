import { RunOpenError } from '../errors.ts';
import type { RunId } from '../ids.ts';
import type { RunChange, RunFilter, RunOutcome, RunRow, Runs } from '../ports/catalog/runs.ts';
import type { TimeRange } from '../ports/catalog/time-range.ts';
import { decisionsMost, rowsChanged } from './decisions.ts';
import type { RunRows } from './rows.ts';
import {
  abandonRun,
  cancelRun,
  endRun,
  isUnfinished,
  known,
  touchRun,
  updateRun,
} from './run-transitions.ts';
import { definedOnly } from './transition.ts';

/** Runs by the rules of run-transitions.ts, whatever keeps their rows: a resource has one open run at the most. */
export class CatalogRuns implements Runs {
  readonly #rows: RunRows;

  constructor(rows: RunRows) {
    this.#rows = rows;
  }

  async open(row: RunRow): Promise<RunRow> {
    for (let decision = 0; decision < decisionsMost; decision++) {
      const before = await this.#rows.find(row.runId);
      if (before !== undefined) return before;
      const runId = await this.#rows.findHolder(row.resourceArn);
      const holder = runId && (await this.#rows.find(runId));
      // The same call, made twice at once: the other one got ahead between our two reads.
      if (holder && holder.runId === row.runId) return holder;
      if (holder && holder.aliveUntil > row.startedAt) {
        throw new RunOpenError(row.resourceArn, holder.runId, holder.aliveUntil);
      }
      const verdict = await this.#rows.open(
        row,
        runId && { runId, ending: holder && abandonRun(holder, row) },
      );
      if (verdict === 'done') return row;
    }
    throw rowsChanged(`run ${row.runId}`);
  }

  async find(runId: RunId): Promise<RunRow | undefined> {
    return this.#rows.find(runId);
  }

  async update(runId: RunId, change: RunChange): Promise<RunRow> {
    return this.#rows.change(runId, updateRun(runId, change));
  }

  async touch(runId: RunId, aliveUntil: Date): Promise<void> {
    await this.#rows.change(runId, touchRun(runId, aliveUntil));
  }

  async cancel(runId: RunId): Promise<RunRow> {
    return this.#rows.change(runId, cancelRun(runId));
  }

  async close(runId: RunId, outcome: RunOutcome): Promise<RunRow> {
    for (let decision = 0; decision < decisionsMost; decision++) {
      const row = known(runId, await this.#rows.find(runId));
      if (!isUnfinished(row)) return row;
      await this.#rows.close({ ...row, ...definedOnly(outcome) }, endRun(outcome));
      // Done or refused, what the row says now is the outcome; if it is still open, the decision is taken again.
    }
    throw rowsChanged(`run ${runId}`);
  }

  list(filter: RunFilter, range?: TimeRange): AsyncIterable<RunRow> {
    return this.#rows.list(filter, range);
  }
}
