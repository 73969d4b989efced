import type { PackId, PackRow, PackRows } from '@holdfast/engine';
import { catalogExpressions } from './sqlite-catalog-schema.ts';
import type { SqliteDatabase } from './sqlite-database.ts';
import { rowsPerPage, SqliteRows } from './sqlite-rows.ts';

export class SqlitePackRows extends SqliteRows<PackRow> implements PackRows {
  constructor(database: SqliteDatabase) {
    super(database, { table: 'packs', dates: ['lockUntil', 'lockedUntil'], columnsOf: () => ({}) });
  }

  async findAll(packIds: readonly PackId[]): Promise<readonly PackRow[]> {
    return this.database.snapshot(() => packIds.flatMap((packId) => this.findNow(packId) ?? []));
  }

  async *listDue(before: Date, partition?: number): AsyncGenerator<PackRow> {
    const { lockUntil } = catalogExpressions;
    const statement = this.database.statement(
      `SELECT row FROM packs
         WHERE ${lockUntil} >= :after AND ${lockUntil} < :before AND (${lockUntil}, id) > (:after, :afterId)
           AND substr(id, -1) GLOB :digit
         ORDER BY ${lockUntil}, id LIMIT ${rowsPerPage}`,
    );
    const bounds = { before: before.toISOString(), digit: partition?.toString(16) ?? '*' };
    let after = '';
    let afterId = '';
    for (;;) {
      const page = this.database.guarded(() => statement.all({ ...bounds, after, afterId }));
      const rows = page.map((found) => this.decode(found));
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < rowsPerPage) return;
      after = last.lockUntil.toISOString();
      afterId = last.packId;
    }
  }

  listDamaged(): AsyncIterable<PackRow> {
    return this.listWhere(`${catalogExpressions.damaged} IS NOT NULL`);
  }
}
