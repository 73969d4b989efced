import {
  addHoldTo,
  CatalogConflictError,
  InvalidInputError,
  recoverPackRow,
  removeHoldFrom,
} from '@holdfast/engine';
import type { ConfirmedPack, HoldId, PackClaim, PackId, PackRow } from '@holdfast/engine';

import { catalogExpressions } from './sqlite-catalog-schema.ts';
import type { SqliteDatabase } from './sqlite-database.ts';
import { decodeRow, encodeRow, findRow, listWhere, rowsPerPage } from './sqlite-rows.ts';

const packDates = ['lockUntil', 'lockedUntil'] as const;
const packIdsMost = 1000;

/**
 * The packs of a {@link SqliteCatalog}. Every method does what the port says, and is called inside a transaction; lists
 * are called outside.
 */
export class SqlitePacks {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** @throws {@link CatalogConflictError} the id is taken. */
  claim({ packId, kind, retentionClass, runId, lockUntil }: PackClaim): void {
    const known = this.#find(packId);
    // A repeated claim of the same run: its first answer was lost.
    if (known !== undefined && (known.runId !== runId || known.state !== 'writing')) {
      throw new CatalogConflictError(
        `pack id ${packId} is taken by run ${known.runId}; store under a new id`,
      );
    }
    if (known === undefined) this.#put({ packId, kind, retentionClass, runId, lockUntil, state: 'writing' });
  }

  confirm(packId: PackId, stored: ConfirmedPack): 'live' | 'lost' {
    const row = this.#find(packId);
    if (row === undefined || row.state === 'deleting') return 'lost';
    const { versionId, bytes, lockedUntil } = stored;
    if (row.state === 'writing') this.#put({ ...row, versionId, bytes, lockedUntil, state: 'live' });
    return 'live';
  }

  raiseLockUntil(packId: PackId, lockUntil: Date): 'raised' | 'not-live' {
    const row = this.#findLive(packId);
    if (row === undefined) return 'not-live';
    if (lockUntil > row.lockUntil) this.#put({ ...row, lockUntil });
    return 'raised';
  }

  confirmLockedUntil(packId: PackId, lockedUntil: Date): 'confirmed' | 'not-live' {
    const row = this.#findLive(packId);
    if (row === undefined) return 'not-live';
    if (row.lockedUntil === undefined || lockedUntil > row.lockedUntil) this.#put({ ...row, lockedUntil });
    return 'confirmed';
  }

  findAll(packIds: readonly PackId[]): ReadonlyMap<PackId, PackRow> {
    if (packIds.length > packIdsMost) {
      throw new InvalidInputError(`${packIds.length} pack ids in one call; ask for at most 1,000`);
    }
    const rows = new Map<PackId, PackRow>();
    for (const packId of packIds) {
      const row = this.#find(packId);
      if (row !== undefined) rows.set(packId, row);
    }
    return rows;
  }

  async *listDue(before: Date, partition?: number): AsyncGenerator<PackRow, void, undefined> {
    const { lockUntil } = catalogExpressions;
    const statement = this.#database.statement(
      `SELECT row FROM packs
         WHERE ${lockUntil} >= :after AND ${lockUntil} < :before AND (${lockUntil}, id) > (:after, :afterId)
           AND substr(id, -1) GLOB :digit
         ORDER BY ${lockUntil}, id LIMIT ${rowsPerPage}`,
    );
    const bounds = { before: before.toISOString(), digit: partition?.toString(16) ?? '*' };
    let after = '';
    let afterId = '';
    for (;;) {
      const page = this.#database.guarded(() => statement.all({ ...bounds, after, afterId }));
      const rows = page.map(({ row }) => decodeRow<PackRow>(String(row), packDates));
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < rowsPerPage) return;
      after = last.lockUntil.toISOString();
      afterId = last.packId;
    }
  }

  startDeleting(packId: PackId, dueBefore: Date): PackRow | 'kept' {
    const row = this.#find(packId);
    if (row?.state === 'deleting') return row;
    if (row === undefined || row.lockUntil >= dueBefore || row.holds !== undefined) return 'kept';
    return this.#put({ ...row, state: 'deleting' });
  }

  remove(packId: PackId): void {
    if (this.#find(packId)?.state !== 'deleting') return;
    this.#database.statement('DELETE FROM packs WHERE id = ?').run(packId);
  }

  postponeDeleting(packId: PackId, lockUntil: Date): void {
    const row = this.#find(packId);
    if (row?.state === 'deleting') this.#put({ ...row, lockUntil });
  }

  markDamaged(packId: PackId): void {
    const row = this.#find(packId);
    if (row !== undefined) this.#put({ ...row, damaged: true });
  }

  listDamaged(): AsyncGenerator<PackRow, void, undefined> {
    return listWhere<PackRow>(this.#database, {
      table: 'packs',
      condition: `${catalogExpressions.damaged} IS NOT NULL`,
      dates: packDates,
    });
  }

  addHold(packId: PackId, holdId: HoldId): 'held' | 'not-live' {
    const row = this.#find(packId);
    if (row?.state !== 'live') return 'not-live';
    this.#put(addHoldTo(row, holdId));
    return 'held';
  }

  removeHold(packId: PackId, holdId: HoldId): void {
    const row = this.#find(packId);
    if (row !== undefined) this.#put(removeHoldFrom(row, holdId));
  }

  recover(row: PackRow): void {
    const known = this.#find(row.packId);
    this.#put(known === undefined ? row : recoverPackRow(known, row));
  }

  #find(packId: PackId): PackRow | undefined {
    return findRow<PackRow>(this.#database, 'packs', packId, packDates);
  }

  #findLive(packId: PackId): PackRow | undefined {
    const row = this.#find(packId);
    return row?.state === 'live' && row.damaged !== true ? row : undefined;
  }

  #put(row: PackRow): PackRow {
    this.#database
      .statement('INSERT OR REPLACE INTO packs (id, row) VALUES (?, ?)')
      .run(row.packId, encodeRow(row));
    return row;
  }
}
