import { CatalogConflictError, InvalidInputError } from '@holdfast/engine';
import type { Catalog, PackId, PackRow } from '@holdfast/engine';

import type { SqliteDatabase } from './sqlite-database.ts';
import { encodeRow, findRow } from './sqlite-rows.ts';

const packDates = ['lockUntil', 'lockedUntil'] as const;
const packIdsMost = 1000;

/** The packs of a {@link SqliteCatalog}. Every method is called inside a transaction, and does what the port says. */
export class SqlitePacks {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** @throws {@link CatalogConflictError} the id is taken. */
  claim({ packId, kind, retentionClass, runId, lockUntil }: Parameters<Catalog['claimPack']>[0]): void {
    const known = this.#find(packId);
    // A repeated claim of the same run: its first answer was lost.
    if (known !== undefined && (known.runId !== runId || known.state !== 'writing')) {
      throw new CatalogConflictError(
        `pack id ${packId} is taken by run ${known.runId}; store under a new id`,
      );
    }
    if (known === undefined) this.#put({ packId, kind, retentionClass, runId, lockUntil, state: 'writing' });
  }

  confirm(packId: PackId, stored: Parameters<Catalog['confirmPack']>[1]): 'live' | 'lost' {
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

  getAll(packIds: readonly PackId[]): ReadonlyMap<PackId, PackRow> {
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

  #find(packId: PackId): PackRow | undefined {
    return findRow<PackRow>(this.#database, 'packs', packId, packDates);
  }

  #findLive(packId: PackId): PackRow | undefined {
    const row = this.#find(packId);
    return row?.state === 'live' && row.damaged !== true ? row : undefined;
  }

  #put(row: PackRow): void {
    this.#database
      .statement('INSERT OR REPLACE INTO packs (id, row) VALUES (?, ?)')
      .run(row.packId, encodeRow(row));
  }
}
