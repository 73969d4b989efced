import type { SqliteDatabase } from './sqlite-database.ts';

/** A row as JSON text; dates become ISO 8601 text, absent fields stay absent. */
export function encodeRow(row: object): string {
  return JSON.stringify(row);
}

/** The row that {@link encodeRow} wrote; `dates` names its fields that are dates. */
export function decodeRow<Row extends object>(text: string, dates: readonly (keyof Row & string)[]): Row {
  const row = JSON.parse(text) as Record<string, unknown>;
  for (const name of dates) {
    const value = row[name];
    if (typeof value === 'string') row[name] = new Date(value);
  }
  return row as Row;
}

/** Fields without those that are undefined: a spread of it changes only what is given. */
export function definedOnly<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields;
}

/** The row of an id, or undefined. */
export function findRow<Row extends object>(
  database: SqliteDatabase,
  table: 'runs' | 'points' | 'packs' | 'holds' | 'restores',
  id: string,
  dates: readonly (keyof Row & string)[],
): Row | undefined {
  const found = database.statement(`SELECT row FROM ${table} WHERE id = ?`).get(id);
  return found === undefined ? undefined : decodeRow<Row>((found as { row: string }).row, dates);
}

/** A listing of a table with the columns `id`, `row` and one of times. */
export interface TimeListing<Row extends object> {
  readonly table: 'runs' | 'points' | 'holds' | 'restores';
  /** The column that the range is about. */
  readonly time: 'time' | 'expires';
  /** Columns that have to have a value. */
  readonly equal: Readonly<Record<string, string>>;
  readonly range: { readonly from?: Date; readonly to?: Date };
  readonly dates: readonly (keyof Row & string)[];
}

/** Rows that a listing reads at once. */
export const rowsPerPage = 500;

/** Rows newest first, read page by page: a row that is added meanwhile may or may not be seen. */
export async function* listByTime<Row extends object>(
  database: SqliteDatabase,
  listing: TimeListing<Row>,
): AsyncGenerator<Row, void, undefined> {
  const { table, time, equal, range, dates } = listing;
  const conditions = Object.keys(equal).map((column) => `${column} = :${column} AND `);
  const statement = database.statement(
    `SELECT id, ${time} AS time, row FROM ${table}
       WHERE ${conditions.join('')} ${time} >= :from AND (${time}, id) < (:before, :beforeId)
       ORDER BY ${time} DESC, id DESC LIMIT ${rowsPerPage}`,
  );
  const from = range.from?.getTime() ?? Number.MIN_SAFE_INTEGER;
  // The first id of the next millisecond: everything up to `to`, that time included.
  let before = range.to === undefined ? Number.MAX_SAFE_INTEGER : range.to.getTime() + 1;
  let beforeId = '';
  for (;;) {
    const page = database.guarded(() => statement.all({ ...equal, from, before, beforeId })) as {
      id: string;
      time: number;
      row: string;
    }[];
    for (const { row } of page) yield decodeRow<Row>(row, dates);
    const last = page.at(-1);
    if (last === undefined || page.length < rowsPerPage) return;
    before = last.time;
    beforeId = last.id;
  }
}

/** Rows of a table for which a condition holds, by id, read page by page: each as it is when its page is read. */
export async function* listWhere<Row extends object>(
  database: SqliteDatabase,
  listing: {
    readonly table: 'points' | 'packs';
    readonly condition: string;
    readonly dates: readonly (keyof Row & string)[];
  },
): AsyncGenerator<Row, void, undefined> {
  const { table, condition, dates } = listing;
  const statement = database.statement(
    `SELECT id, row FROM ${table} WHERE ${condition} AND id > ? ORDER BY id LIMIT ${rowsPerPage}`,
  );
  let after = '';
  for (;;) {
    const page = database.guarded(() => statement.all(after)) as { id: string; row: string }[];
    for (const { row } of page) yield decodeRow<Row>(row, dates);
    const last = page.at(-1);
    if (last === undefined || page.length < rowsPerPage) return;
    after = last.id;
  }
}
