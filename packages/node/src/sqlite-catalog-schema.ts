/**
 * Tables of {@link SqliteCatalog}. A row is JSON; the columns beside it are what it is found by. Times are milliseconds
 * since 1970. `open_runs` has one row for each resource that has a run which is not over.
 */
export const catalogSchema = `
  CREATE TABLE IF NOT EXISTS resources (arn TEXT PRIMARY KEY, found TEXT, last TEXT) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, resource TEXT NOT NULL, plan TEXT NOT NULL, time INTEGER NOT NULL, row TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS runs_by_time ON runs (time, id);
  CREATE INDEX IF NOT EXISTS runs_by_resource ON runs (resource, time, id);
  CREATE TABLE IF NOT EXISTS open_runs (resource TEXT PRIMARY KEY, run TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS points (
    id TEXT PRIMARY KEY, resource TEXT NOT NULL, time INTEGER NOT NULL, expires INTEGER NOT NULL, row TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS points_by_resource ON points (resource, time, id);
  CREATE INDEX IF NOT EXISTS points_by_expiry ON points (expires, id);
  CREATE TABLE IF NOT EXISTS packs (id TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS restores (id TEXT PRIMARY KEY, time INTEGER NOT NULL, row TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS restores_by_time ON restores (time, id);
`;
