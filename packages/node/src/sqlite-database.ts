import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';

import { BackupError, StoreUnavailableError } from '@holdfast/engine';

/** How a database file is opened. */
export interface SqliteDatabaseOptions {
  /** Path of the file; made when it is missing. */
  readonly path: string;
  /**
   * `full`: a call that returned has reached the disk. `normal`: the last calls may be lost with the machine's power,
   * never with the process, and the file stays sound.
   */
  readonly durability: 'full' | 'normal';
  /** Statements that make the tables; run at every opening. */
  readonly schema: string;
}

/** How long a call waits for another thread or process to finish writing. */
const busyTimeoutMs = 60_000;

/**
 * A SQLite file that several threads and processes use at once, each through an object of its own (write-ahead log).
 * Calls are synchronous. `node:sqlite` is part of Node; from version 24 on it prints no warning, and nothing is
 * suppressed here.
 */
export class SqliteDatabase {
  readonly connection: DatabaseSync;
  readonly #path: string;
  readonly #statements = new Map<string, StatementSync>();

  /** @throws {@link StoreUnavailableError} the file cannot be opened, or is no SQLite database. */
  constructor(options: SqliteDatabaseOptions) {
    this.#path = options.path;
    this.connection = this.guarded(() => new DatabaseSync(options.path, { timeout: busyTimeoutMs }));
    this.guarded(() => {
      this.connection.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.durability};`);
      this.transaction(() => this.connection.exec(options.schema));
    });
  }

  /** A prepared statement; the same text gives the same one. */
  statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.guarded(() => this.connection.prepare(sql));
    this.#statements.set(sql, statement);
    return statement;
  }

  /** Runs work as one step that no other connection sees half-way; undone when it throws. */
  transaction<T>(work: () => T): T {
    return this.guarded(() => {
      this.connection.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.connection.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.connection.isTransaction) this.connection.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** Runs work that reads, as of one moment. */
  snapshot<T>(work: () => T): T {
    return this.guarded(() => {
      this.connection.exec('BEGIN');
      try {
        return work();
      } finally {
        this.connection.exec('COMMIT');
      }
    });
  }

  /** Runs work, turning SQLite's errors into the engine's. */
  guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof BackupError || !isSqliteError(error)) throw error;
      throw new StoreUnavailableError(
        `database ${this.#path}: ${error.message}; check the file and the disk`,
        { cause: error },
      );
    }
  }

  close(): void {
    this.connection.close();
  }
}

function isSqliteError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR';
}
