import {
  type Catalog,
  CatalogPacks,
  CatalogPoints,
  CatalogRuns,
  type HoldRow,
  type Holds,
  type RestoreRow,
  type Restores,
  type TimeRange,
} from '@holdfast/engine';
import { catalogSchema } from './sqlite-catalog-schema.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import { SqlitePackRows } from './sqlite-pack-rows.ts';
import { SqlitePointRows } from './sqlite-point-rows.ts';
import { SqliteProgress } from './sqlite-progress.ts';
import { SqliteResources } from './sqlite-resources.ts';
import { SqliteRows } from './sqlite-rows.ts';
import { SqliteRunRows } from './sqlite-run-rows.ts';

/**
 * A catalog in a SQLite file, for vaults that are not on AWS. Any number of threads and processes may have the file
 * open, each through an object of its own; every step of a row is one transaction, on the disk when its promise is
 * fulfilled.
 */
export class SqliteCatalog implements Catalog {
  readonly resources: SqliteResources;
  readonly runs: CatalogRuns;
  readonly points: CatalogPoints;
  readonly packs: CatalogPacks;
  readonly holds: Holds;
  readonly restores: Restores;
  readonly progress: SqliteProgress;
  readonly #database: SqliteDatabase;

  /** @throws {@link StoreUnavailableError} the file cannot be opened. */
  constructor(path: string) {
    const database = new SqliteDatabase({ path, schema: catalogSchema });
    this.#database = database;
    this.resources = new SqliteResources(database);
    this.runs = new CatalogRuns(new SqliteRunRows(database, this.resources));
    this.points = new CatalogPoints(new SqlitePointRows(database), this.resources);
    this.packs = new CatalogPacks(new SqlitePackRows(database));
    this.holds = new SqliteHolds(database);
    this.restores = new SqliteRestores(database);
    this.progress = new SqliteProgress(database);
  }

  close(): void {
    this.#database.close();
  }
}

class SqliteHolds extends SqliteRows<HoldRow> implements Holds {
  constructor(database: SqliteDatabase) {
    super(database, {
      table: 'holds',
      dates: ['setAt', 'releasedAt'],
      columnsOf: ({ setAt }) => ({ time: setAt.getTime() }),
    });
  }

  async put(row: HoldRow): Promise<void> {
    return this.database.durably(() => {
      this.putNow(row.holdId, row);
    });
  }

  list(): AsyncIterable<HoldRow> {
    return this.listByTime({});
  }
}

class SqliteRestores extends SqliteRows<RestoreRow> implements Restores {
  constructor(database: SqliteDatabase) {
    super(database, {
      table: 'restores',
      dates: ['startedAt', 'endedAt'],
      columnsOf: ({ startedAt }) => ({ time: startedAt.getTime() }),
    });
  }

  async put(row: RestoreRow): Promise<void> {
    return this.database.durably(() => {
      this.putNow(row.restoreId, row);
    });
  }

  list(range?: TimeRange): AsyncIterable<RestoreRow> {
    return this.listByTime({ range });
  }
}
