import type { AmountKnown, ProgressReports, ReportedWork, WorkAmount } from '@holdfast/engine';
import { dayMs, safety } from '@holdfast/engine/model';
import type { SqliteDatabase } from './sqlite-database.ts';

/** The number of the row that has the total of all parts. */
const totalPart = -1;

/** Reports as rows of a table. A machine that loses its power may forget the last ones. */
export class SqliteProgress implements ProgressReports {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async report(workId: string, part: number, done: WorkAmount, at: Date): Promise<void> {
    this.#put(
      workId,
      part,
      done,
      at,
      'WHERE progress.files <= excluded.files AND progress.bytes <= excluded.bytes',
    );
    return Promise.resolve();
  }

  async noteTotal(workId: string, total: AmountKnown, at: Date): Promise<void> {
    this.#put(workId, totalPart, total, at, '');
    return Promise.resolve();
  }

  async find(workId: string): Promise<ReportedWork | undefined> {
    const rows = this.#database.guarded(() =>
      this.#database
        .statement(
          `SELECT part = ${totalPart} AS isTotal, count(*) AS count, sum(files) AS files, sum(bytes) AS bytes
           FROM progress WHERE work = ? GROUP BY isTotal`,
        )
        .all(workId),
    );
    const done = rows.find(({ isTotal }) => isTotal === 0);
    const total = rows.find(({ isTotal }) => isTotal === 1);
    await Promise.resolve();
    if (done === undefined) return undefined;
    return {
      files: Number(done['files']),
      bytes: Number(done['bytes']),
      ...(total && { total: { files: numberOf(total['files']), bytes: numberOf(total['bytes']) } }),
    };
  }

  #put(workId: string, part: number, { files, bytes }: AmountKnown, at: Date, when: string): void {
    const time = at.getTime();
    this.#database.transaction(() => {
      this.#database.statement('DELETE FROM progress WHERE time < ?').run(time - safety.progressDays * dayMs);
      this.#database
        .statement(
          `INSERT INTO progress (work, part, files, bytes, time) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET files = excluded.files, bytes = excluded.bytes, time = excluded.time ${when}`,
        )
        .run(workId, part, files ?? null, bytes ?? null, time);
    });
  }
}

function numberOf(value: unknown): number | undefined {
  return value === null ? undefined : Number(value);
}
