/**
 * Fields inside rows that have an index; SQLite uses it for exactly these texts. Dates are ISO 8601, so they sort by
 * time.
 */
export const catalogExpressions = {
  lockUntil: "json_extract(row, '$.lockUntil')",
  damaged: "json_extract(row, '$.damaged')",
  holds: "json_extract(row, '$.holds')",
} as const;

/**
 * Tables of {@link SqliteCatalog}. A row is JSON, beside the columns that find it. Times are milliseconds since 1970.
 * `progress` has a row for each part, and with the number -1 one for the total of all; `time` is that of its last word.
 * `open_runs` has one row for each resource with a run that is not over. Fields that only maintenance looks for are
 * indexed inside the rows, with the expressions of {@link catalogExpressions}.
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
  CREATE INDEX IF NOT EXISTS points_held ON points (id) WHERE ${catalogExpressions.holds} IS NOT NULL;
  CREATE INDEX IF NOT EXISTS packs_by_intent ON packs (${catalogExpressions.lockUntil}, id);
  CREATE INDEX IF NOT EXISTS packs_damaged ON packs (id) WHERE ${catalogExpressions.damaged} IS NOT NULL;
  CREATE TABLE IF NOT EXISTS holds (id TEXT PRIMARY KEY, time INTEGER NOT NULL, row TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS holds_by_time ON holds (time, id);
  CREATE TABLE IF NOT EXISTS restores (id TEXT PRIMARY KEY, time INTEGER NOT NULL, row TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS restores_by_time ON restores (time, id);
  CREATE TABLE IF NOT EXISTS progress (
    work TEXT NOT NULL, part INTEGER NOT NULL, files INTEGER, bytes INTEGER, time INTEGER NOT NULL,
    PRIMARY KEY (work, part)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS progress_by_time ON progress (time);
`;
