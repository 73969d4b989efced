import {
  type Condition,
  meets,
  type Rows,
  takeStep,
  type TimeRange,
  type Transition,
} from '@holdfast/engine';
import type { SqliteDatabase } from './sqlite-database.ts';

/** Layout of rows of one kind in a table: JSON under their id, beside the columns that find them. */
export interface SqliteKind<Row> {
  readonly table: 'runs' | 'points' | 'packs' | 'holds' | 'restores';
  readonly dates: readonly (keyof Row & string)[];
  columnsOf(row: Row): Readonly<Record<string, string | number>>;
}

/** A listing of a table by one of its columns of times. */
export interface TimeListing {
  readonly time?: 'time' | 'expires';
  /** Columns and the values that they must have. */
  readonly equal?: Readonly<Record<string, string>>;
  readonly range?: TimeRange | undefined;
  /** The row behind which the listing goes on. */
  readonly after?: { readonly time: Date; readonly id: string } | undefined;
}

export const rowsPerPage = 500;

/** Rows of the first page of a listing by time: most who ask want the newest alone. */
const firstRows = 4;
/** How much longer than the one before each further page is, up to a whole one. */
const timesLonger = 4;

/** Rows of one kind in a SQLite table. Methods with `Now` in their name are called inside a transaction. */
export class SqliteRows<Row extends object> implements Rows<Row> {
  protected readonly database: SqliteDatabase;
  readonly #kind: SqliteKind<Row>;

  constructor(database: SqliteDatabase, kind: SqliteKind<Row>) {
    this.database = database;
    this.#kind = kind;
  }

  async find(id: string): Promise<Row | undefined> {
    return this.database.snapshot(() => this.findNow(id));
  }

  async insert(id: string, row: Row): Promise<'inserted' | 'taken'> {
    return this.database.durably(() => {
      if (this.findNow(id) !== undefined) return 'taken';
      this.putNow(id, row);
      return 'inserted';
    });
  }

  async change<Outcome>(id: string, { steps, outcome }: Transition<Row, Outcome>): Promise<Outcome> {
    return this.database.durably(() => {
      const row = this.findNow(id);
      const after = row && takeStep(row, steps);
      if (after !== undefined && after !== row) this.putNow(id, after);
      return outcome(after);
    });
  }

  async remove(id: string, when: Condition<Row> = {}): Promise<void> {
    return this.database.durably(() => {
      const row = this.findNow(id);
      if (row === undefined || !meets(when, row)) return;
      this.database.statement(`DELETE FROM ${this.#kind.table} WHERE id = ?`).run(id);
    });
  }

  findNow(id: string): Row | undefined {
    const found = this.database.statement(`SELECT row FROM ${this.#kind.table} WHERE id = ?`).get(id);
    return found && this.decode(found);
  }

  putNow(id: string, row: Row): void {
    const columns = { id, ...this.#kind.columnsOf(row), row: JSON.stringify(row) };
    const names = Object.keys(columns);
    const values = names.map((name) => `:${name}`).join(', ');
    this.database
      .statement(`INSERT OR REPLACE INTO ${this.#kind.table} (${names.join(', ')}) VALUES (${values})`)
      .run(columns);
  }

  /** Rows newest first, read page by page: a row that is added meanwhile may or may not be seen. */
  async *listByTime({ time = 'time', equal = {}, range = {}, after }: TimeListing): AsyncGenerator<Row> {
    const conditions = Object.keys(equal).map((column) => `${column} = :${column} AND `);
    const statement = this.database.statement(
      `SELECT id, ${time} AS time, row FROM ${this.#kind.table}
         WHERE ${conditions.join('')} ${time} >= :from AND (${time}, id) < (:before, :beforeId)
         ORDER BY ${time} DESC, id DESC LIMIT :rows`,
    );
    const from = range.from?.getTime() ?? Number.MIN_SAFE_INTEGER;
    // The first id of the next millisecond: everything up to `to`, that time included.
    let before = range.to === undefined ? Number.MAX_SAFE_INTEGER : range.to.getTime() + 1;
    let beforeId = '';
    if (after !== undefined && after.time.getTime() < before) {
      before = after.time.getTime();
      beforeId = after.id;
    }
    for (let rows = firstRows; ; rows = Math.min(rows * timesLonger, rowsPerPage)) {
      const page = this.database.guarded(() => statement.all({ ...equal, from, before, beforeId, rows }));
      for (const found of page) yield this.decode(found);
      const last = page.at(-1);
      if (last === undefined || page.length < rows) return;
      before = Number(last['time']);
      beforeId = String(last['id']);
    }
  }

  /** Rows that fulfil a condition, ordered by id and read page by page: each as it is when its page is read. */
  async *listWhere(condition: string, startAfter = ''): AsyncGenerator<Row> {
    const statement = this.database.statement(
      `SELECT id, row FROM ${this.#kind.table} WHERE ${condition} AND id > ? ORDER BY id LIMIT ${rowsPerPage}`,
    );
    let after = startAfter;
    for (;;) {
      const page = this.database.guarded(() => statement.all(after));
      for (const found of page) yield this.decode(found);
      const last = page.at(-1);
      if (last === undefined || page.length < rowsPerPage) return;
      after = String(last['id']);
    }
  }

  protected decode(found: Record<string, unknown>): Row {
    return decodeRow<Row>(String(found['row']), this.#kind.dates);
  }
}

export function decodeRow<Row extends object>(text: string, dates: readonly (keyof Row & string)[]): Row {
  const row = JSON.parse(text) as Record<string, unknown>;
  for (const name of dates) {
    const value = row[name];
    if (typeof value === 'string') row[name] = new Date(value);
  }
  return row as Row;
}
