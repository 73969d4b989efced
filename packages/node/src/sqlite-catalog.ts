import type {
  Catalog,
  PackId,
  PackRow,
  PointId,
  PointRow,
  ResourceArn,
  ResourceRow,
  RestoreRow,
  RunId,
  RunRow,
  TimeRange,
} from '@holdfast/engine';

import { catalogSchema } from './sqlite-catalog-schema.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import { SqlitePacks } from './sqlite-packs.ts';
import { decodeRow, definedOnly, encodeRow, findRow, listByTime } from './sqlite-rows.ts';
import { runDates, SqliteRuns } from './sqlite-runs.ts';

const resourceDates = ['seenAt', 'lastSourceTime'] as const;
const pointDates = ['sourceTime', 'committedAt', 'expiresAt'] as const;
const restoreDates = ['startedAt', 'endedAt'] as const;

type FoundFields = Parameters<Catalog['putResource']>[0];
type LastFields = Pick<ResourceRow, 'lastRunId' | 'lastRunState' | 'lastPointId' | 'lastSourceTime'>;
interface ResourceColumns {
  readonly found: string | null;
  readonly last: string | null;
}

/**
 * A catalog in a SQLite file, for vaults that are not on AWS. Any number of threads and processes may have the file
 * open, each through an object of its own; every method is one transaction, on the disk when it returns.
 */
export class SqliteCatalog implements Catalog {
  readonly #database: SqliteDatabase;
  readonly #runs: SqliteRuns;
  readonly #packs: SqlitePacks;

  /** @throws {@link StoreUnavailableError} the file cannot be opened. */
  constructor(path: string) {
    this.#database = new SqliteDatabase({ path, durability: 'full', schema: catalogSchema });
    this.#runs = new SqliteRuns(this.#database);
    this.#packs = new SqlitePacks(this.#database);
  }

  /** Frees the file. No other call is valid afterwards. */
  close(): void {
    this.#database.close();
  }

  putResource({ arn, kind, plan, problem, seenAt }: FoundFields): Promise<void> {
    return this.#change(() => {
      const found = encodeRow(definedOnly({ arn, kind, plan, problem, seenAt }));
      this.#run(
        'INSERT INTO resources (arn, found) VALUES (?, ?) ON CONFLICT (arn) DO UPDATE SET found = excluded.found',
        arn,
        found,
      );
    });
  }

  findResource(arn: ResourceArn): Promise<ResourceRow | undefined> {
    return this.#read(() => {
      const row = this.#resourceColumns(arn);
      return row === undefined ? undefined : resourceOf(row);
    });
  }

  async *listResources(): AsyncGenerator<ResourceRow, void, undefined> {
    const rows = await this.#read(() =>
      this.#database.statement('SELECT found, last FROM resources ORDER BY arn').all(),
    );
    for (const row of rows) {
      const resource = resourceOf(row as unknown as ResourceColumns);
      if (resource !== undefined) yield resource;
    }
  }

  removeResource(arn: ResourceArn): Promise<void> {
    return this.#change(() => this.#run('DELETE FROM resources WHERE arn = ?', arn));
  }

  openRun(row: RunRow): Promise<RunRow> {
    return this.#change(() => {
      const outcome = this.#runs.open(row);
      if (outcome.opened) this.#setLast(row.resourceArn, { lastRunId: row.runId, lastRunState: row.state });
      return outcome.row;
    });
  }

  findRun(runId: RunId): Promise<RunRow | undefined> {
    return this.#read(() => this.#runs.find(runId));
  }

  updateRun(runId: RunId, change: Parameters<Catalog['updateRun']>[1]): Promise<RunRow> {
    return this.#change(() => this.#runs.update(runId, change));
  }

  touchRun(runId: RunId, aliveUntil: Date): Promise<void> {
    return this.#change(() => this.#runs.touch(runId, aliveUntil));
  }

  cancelRun(runId: RunId): Promise<RunRow> {
    return this.#change(() => this.#runs.cancel(runId));
  }

  closeRun(runId: RunId, outcome: Parameters<Catalog['closeRun']>[1]): Promise<RunRow> {
    return this.#change(() => {
      const { row, closed } = this.#runs.close(runId, outcome);
      if (closed) this.#setLast(row.resourceArn, { lastRunId: runId, lastRunState: row.state });
      return row;
    });
  }

  listRuns(
    filter: { readonly resourceArn?: ResourceArn; readonly plan?: string },
    range: TimeRange = {},
  ): AsyncIterable<RunRow> {
    const { resourceArn, plan } = filter;
    const equal = {
      ...(resourceArn === undefined ? {} : { resource: resourceArn }),
      ...(plan === undefined ? {} : { plan }),
    };
    return listByTime<RunRow>(this.#database, { table: 'runs', time: 'time', equal, range, dates: runDates });
  }

  putPoint(row: PointRow): Promise<void> {
    return this.#change(() => {
      const { pointId, resourceArn, sourceTime, expiresAt } = row;
      this.#run(
        'INSERT OR REPLACE INTO points (id, resource, time, expires, row) VALUES (?, ?, ?, ?, ?)',
        pointId,
        resourceArn,
        sourceTime.getTime(),
        expiresAt.getTime(),
        encodeRow(row),
      );
      const last = this.#last(resourceArn);
      const newest = last.lastSourceTime?.getTime() ?? -Infinity;
      const time = sourceTime.getTime();
      if (time > newest || (time === newest && pointId >= (last.lastPointId ?? ''))) {
        this.#setLast(resourceArn, { lastPointId: pointId, lastSourceTime: sourceTime });
      }
    });
  }

  findPoint(pointId: PointId): Promise<PointRow | undefined> {
    return this.#read(() => findRow<PointRow>(this.#database, 'points', pointId, pointDates));
  }

  listPoints(resourceArn: ResourceArn, range: TimeRange = {}): AsyncIterable<PointRow> {
    return listByTime<PointRow>(this.#database, {
      table: 'points',
      time: 'time',
      equal: { resource: resourceArn },
      range,
      dates: pointDates,
    });
  }

  listPointsExpiring(range: TimeRange): AsyncIterable<PointRow> {
    return listByTime<PointRow>(this.#database, {
      table: 'points',
      time: 'expires',
      equal: {},
      range,
      dates: pointDates,
    });
  }

  removePoint(pointId: PointId): Promise<void> {
    return this.#change(() => this.#run('DELETE FROM points WHERE id = ?', pointId));
  }

  claimPack(row: Parameters<Catalog['claimPack']>[0]): Promise<void> {
    return this.#change(() => this.#packs.claim(row));
  }

  confirmPack(packId: PackId, stored: Parameters<Catalog['confirmPack']>[1]): Promise<'live' | 'lost'> {
    return this.#change(() => this.#packs.confirm(packId, stored));
  }

  raiseLockUntil(packId: PackId, lockUntil: Date): Promise<'raised' | 'not-live'> {
    return this.#change(() => this.#packs.raiseLockUntil(packId, lockUntil));
  }

  confirmLockedUntil(packId: PackId, lockedUntil: Date): Promise<'confirmed' | 'not-live'> {
    return this.#change(() => this.#packs.confirmLockedUntil(packId, lockedUntil));
  }

  getPacks(packIds: readonly PackId[]): Promise<ReadonlyMap<PackId, PackRow>> {
    return this.#read(() => this.#packs.getAll(packIds));
  }

  putRestore(row: RestoreRow): Promise<void> {
    return this.#change(() =>
      this.#run(
        'INSERT OR REPLACE INTO restores (id, time, row) VALUES (?, ?, ?)',
        row.restoreId,
        row.startedAt.getTime(),
        encodeRow(row),
      ),
    );
  }

  findRestore(restoreId: string): Promise<RestoreRow | undefined> {
    return this.#read(() => findRow<RestoreRow>(this.#database, 'restores', restoreId, restoreDates));
  }

  listRestores(range: TimeRange = {}): AsyncIterable<RestoreRow> {
    return listByTime<RestoreRow>(this.#database, {
      table: 'restores',
      time: 'time',
      equal: {},
      range,
      dates: restoreDates,
    });
  }

  async #change<T>(work: () => T): Promise<T> {
    return this.#database.transaction(work);
  }

  async #read<T>(work: () => T): Promise<T> {
    return this.#database.snapshot(work);
  }

  #run(sql: string, ...values: (string | number)[]): void {
    this.#database.statement(sql).run(...values);
  }

  #resourceColumns(arn: ResourceArn): ResourceColumns | undefined {
    return this.#database.statement('SELECT found, last FROM resources WHERE arn = ?').get(arn) as
      | ResourceColumns
      | undefined;
  }

  #last(arn: ResourceArn): LastFields {
    return decodeRow<LastFields>(this.#resourceColumns(arn)?.last ?? '{}', ['lastSourceTime']);
  }

  #setLast(arn: ResourceArn, fields: LastFields): void {
    const last = encodeRow({ ...this.#last(arn), ...fields });
    this.#run(
      'INSERT INTO resources (arn, last) VALUES (?, ?) ON CONFLICT (arn) DO UPDATE SET last = excluded.last',
      arn,
      last,
    );
  }
}

/** What discovery found, with the `last…` fields; runs of a resource that was never found have the latter only. */
function resourceOf({ found, last }: ResourceColumns): ResourceRow | undefined {
  if (found === null) return undefined;
  return {
    ...decodeRow<ResourceRow>(last ?? '{}', resourceDates),
    ...decodeRow<ResourceRow>(found, resourceDates),
  };
}
