import type { StatementSync } from 'node:sqlite';

import { fromHex, InvalidInputError, toHex } from '@holdfast/engine';
import type { ChunkId, ChunkIndex, ChunkLocation, PackId } from '@holdfast/engine';

import { SqliteDatabase } from './sqlite-database.ts';

const idsMost = 1000;

const schema = `
  CREATE TABLE IF NOT EXISTS chunks (
    id BLOB PRIMARY KEY,
    pack BLOB NOT NULL,
    frame INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    length INTEGER NOT NULL,
    contentBytes INTEGER NOT NULL,
    start INTEGER NOT NULL
  ) WITHOUT ROWID`;

/**
 * A chunk index in a SQLite file: about 90 bytes a chunk. Several worker threads may have the same file open.
 * It is a hint, so a call may be lost with the machine's power; a lost item costs a duplicate chunk.
 */
export class SqliteChunkIndex implements ChunkIndex {
  readonly #database: SqliteDatabase;
  readonly #select: StatementSync;
  readonly #upsert: StatementSync;
  readonly #delete: StatementSync;

  /** @throws {@link StoreUnavailableError} the file cannot be opened. */
  constructor(path: string) {
    this.#database = new SqliteDatabase({ path, schema });
    // Ids are random, so every put touches most pages: a log of up to 64 MiB merges them, which halves the time.
    this.#database.connection.exec('PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384');
    this.#select = this.#database.statement(
      'SELECT pack, frame, offset, length, contentBytes, start FROM chunks WHERE id = ?',
    );
    this.#upsert = this.#database.statement(
      'INSERT OR REPLACE INTO chunks (id, pack, frame, offset, length, contentBytes, start) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#delete = this.#database.statement('DELETE FROM chunks WHERE id = ? AND pack = ?');
  }

  async find(ids: readonly ChunkId[], signal?: AbortSignal): Promise<ReadonlyMap<ChunkId, ChunkLocation>> {
    signal?.throwIfAborted();
    if (ids.length > idsMost)
      throw new InvalidInputError(`${ids.length} chunk ids in one call; ask for at most ${idsMost}`);
    return this.#database.snapshot(() => this.#findAll(ids));
  }

  async put(
    entries: readonly { readonly id: ChunkId; readonly location: ChunkLocation }[],
    signal?: AbortSignal,
  ): Promise<void> {
    signal?.throwIfAborted();
    this.#database.transaction(() => {
      for (const { id, location } of entries) {
        this.#upsert.run(
          fromHex(id),
          fromHex(location.packId),
          location.frame,
          location.offset,
          location.length,
          location.contentBytes,
          location.start,
        );
      }
    });
  }

  async remove(ids: readonly ChunkId[], packId: PackId, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const pack = fromHex(packId);
    this.#database.transaction(() => {
      for (const id of ids) this.#delete.run(fromHex(id), pack);
    });
  }

  /**
   * Moves written rows out of the log and into the file, while others go on writing. Never needed: whoever closes the
   * file last does it for the rest, but then everybody waits.
   */
  checkpoint(): void {
    this.#database.guarded(() => this.#database.connection.exec('PRAGMA wal_checkpoint(PASSIVE)'));
  }

  close(): void {
    this.#database.close();
  }

  #findAll(ids: readonly ChunkId[]): ReadonlyMap<ChunkId, ChunkLocation> {
    const found = new Map<ChunkId, ChunkLocation>();
    for (const id of ids) {
      const row = this.#select.get(fromHex(id)) as
        | (Omit<ChunkLocation, 'packId'> & { readonly pack: Uint8Array })
        | undefined;
      if (row === undefined) continue;
      const { pack, frame, offset, length, contentBytes, start } = row;
      found.set(id, { packId: toHex(pack) as PackId, frame, offset, length, contentBytes, start });
    }
    return found;
  }
}
