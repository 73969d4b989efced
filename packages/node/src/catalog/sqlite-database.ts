import { closeSync, fdatasync, openSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { promisify } from 'node:util';

import { BackupError, InvalidInputError, StoreUnavailableError } from '@holdfast/engine';

import { errnoOf } from '../errno.ts';
import { syncDirectory } from '../store/sync-directory.ts';

const flush = promisify(fdatasync);

export interface SqliteDatabaseOptions {
  /** Made when it is missing. */
  readonly path: string;
  /** Statements that make the tables; run at every opening. */
  readonly schema: string;
}

/** Time that a call waits for another thread or process to finish writing. */
const busyTimeoutMs = 60_000;

/** Magic numbers of statfs(2) on Linux: NFS, SMB in three forms, Ceph, AFS, 9p. */
const networkFileSystems: ReadonlySet<number> = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x00c36400, 0x5346414f, 0x01021997,
]);

function isOnNetwork(directory: string): boolean {
  return networkFileSystems.has(statfsSync(directory, { bigint: false }).type >>> 0);
}

/** @see https://sqlite.org/wal.html, "All processes using a database must be on the same host computer" */
function withoutSharedMemory(directory: string): InvalidInputError {
  return new InvalidInputError(
    `the file system of ${JSON.stringify(directory)} has no memory that several writers can share, so that a catalog there ` +
      'could be damaged; put the vault on a disk of this machine',
  );
}

/**
 * A SQLite file that several threads and processes use at once, each through an object of its own (write-ahead log).
 * Calls are synchronous, except waits for the disk. From Node 24 on `node:sqlite` prints no warning, so nothing is
 * suppressed here.
 */
export class SqliteDatabase {
  readonly connection: DatabaseSync;
  readonly #path: string;
  readonly #statements = new Map<string, StatementSync>();
  #log: number | undefined;
  #flushed: Promise<unknown> | undefined;

  /**
   * @throws {@link StoreUnavailableError} the file cannot be opened, or is no SQLite database.
   * @throws {@link InvalidInputError} its file system has no memory that all writers can share.
   */
  constructor(options: SqliteDatabaseOptions) {
    this.#path = options.path;
    const directory = path.dirname(options.path);
    if (isOnNetwork(directory)) throw withoutSharedMemory(directory);
    this.connection = this.guarded(() => new DatabaseSync(options.path, { timeout: busyTimeoutMs }));
    this.guarded(() => {
      // Without that log SQLite goes on in another mode, and says so in the answer only.
      const mode = this.connection.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
      if (mode !== 'wal') throw withoutSharedMemory(directory);
      this.connection.exec('PRAGMA synchronous = NORMAL;');
      this.transaction(() => this.connection.exec(options.schema));
    });
  }

  /** Prepares a statement once for each text. */
  statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.guarded(() => this.connection.prepare(sql));
    this.#statements.set(sql, statement);
    return statement;
  }

  /**
   * Runs work as one step that no other connection sees half-way; a throw undoes it. The last steps may be lost with
   * the machine's power, never with the process, and the file stays sound.
   */
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

  /**
   * Runs work as {@link transaction} does; the step has reached the disk when the promise is fulfilled. Others may see
   * it before, but what they do durably afterwards is no earlier on the disk: all steps are in one log.
   *
   * SQLite's own way to wait for the disk (`synchronous = FULL`) stops the thread for milliseconds, several times a
   * pack.
   */
  async durably<T>(work: () => T): Promise<T> {
    const result = this.transaction(work);
    try {
      await this.#flush();
    } catch (error) {
      throw this.#unavailable(error, `${errnoOf(error) ?? String(error)} when its log was flushed`);
    }
    return result;
  }

  /** Runs reads as of one moment. */
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

  /** Turns SQLite's errors into the engine's. */
  guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof BackupError || !isSqliteError(error)) throw error;
      throw this.#unavailable(error, error.message);
    }
  }

  close(): void {
    if (this.#log !== undefined) closeSync(this.#log);
    this.#log = undefined;
    this.connection.close();
  }

  /**
   * Flushes SQLite's write-ahead log: a file of that name beside the database while a connection is open. Its locks are
   * on other files, so they survive that this one is closed.
   *
   * Flushes run one after the other, and none once one has failed: an operating system that could not write bytes may
   * call them written when it is asked again.
   */
  async #flush(): Promise<void> {
    const log = (this.#log ??= openSync(`${this.#path}-wal`, 'r+'));
    this.#flushed =
      this.#flushed === undefined
        ? // This process may have made the file, so its name has to be on the disk as well.
          Promise.all([flush(log), syncDirectory(path.dirname(this.#path))])
        : this.#flushed.then(async () => flush(log));
    await this.#flushed;
  }

  #unavailable(cause: unknown, what: string): StoreUnavailableError {
    return new StoreUnavailableError(`database ${this.#path}: ${what}; check the file and the disk`, {
      cause,
    });
  }
}

function isSqliteError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR';
}
