import type {
  Catalog,
  ConfirmedPack,
  FoundResource,
  HoldId,
  HoldRow,
  Holds,
  PackClaim,
  PackId,
  PackRow,
  Packs,
  PointId,
  PointRow,
  Points,
  ResourceArn,
  ResourceRow,
  Resources,
  RestoreRow,
  Restores,
  RunChange,
  RunFilter,
  RunId,
  RunOutcome,
  RunRow,
  Runs,
  TimeRange,
} from '@holdfast/engine';

import { catalogSchema } from './sqlite-catalog-schema.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import { SqlitePacks } from './sqlite-packs.ts';
import { SqlitePoints } from './sqlite-points.ts';
import { decodeRow, definedOnly, encodeRow, findRow, listByTime } from './sqlite-rows.ts';
import { runDates, SqliteRuns } from './sqlite-runs.ts';

const resourceDates = ['seenAt', 'lastSourceTime'] as const;
const holdDates = ['setAt', 'releasedAt'] as const;
const restoreDates = ['startedAt', 'endedAt'] as const;

type LastFields = Pick<ResourceRow, 'lastRunId' | 'lastRunState' | 'lastPointId' | 'lastSourceTime'>;
interface ResourceColumns {
  readonly found: string | null;
  readonly last: string | null;
}

/**
 * A catalog in a SQLite file, for vaults that are not on AWS. Any number of threads and processes may have the file
 * open, each through an object of its own; every method is one transaction, on the disk when its promise is fulfilled.
 */
export class SqliteCatalog implements Catalog {
  readonly resources: Resources = {
    put: (...args) => this.#putResource(...args),
    find: (...args) => this.#findResource(...args),
    list: (...args) => this.#listResources(...args),
    remove: (...args) => this.#removeResource(...args),
  };
  readonly runs: Runs = {
    open: (...args) => this.#openRun(...args),
    find: (...args) => this.#findRun(...args),
    update: (...args) => this.#updateRun(...args),
    touch: (...args) => this.#touchRun(...args),
    cancel: (...args) => this.#cancelRun(...args),
    close: (...args) => this.#closeRun(...args),
    list: (...args) => this.#listRuns(...args),
  };
  readonly points: Points = {
    put: (...args) => this.#putPoint(...args),
    find: (...args) => this.#findPoint(...args),
    list: (...args) => this.#listPoints(...args),
    listExpiring: (...args) => this.#listPointsExpiring(...args),
    startExpiring: (...args) => this.#startExpiring(...args),
    remove: (...args) => this.#removePoint(...args),
    prolong: (...args) => this.#prolongPoint(...args),
    noteSnapshotsMissing: (...args) => this.#noteSnapshotsMissing(...args),
    addHold: (...args) => this.#addPointHold(...args),
    removeHold: (...args) => this.#removePointHold(...args),
    listHeld: (...args) => this.#listHeldPoints(...args),
  };
  readonly holds: Holds = {
    put: (...args) => this.#putHold(...args),
    find: (...args) => this.#findHold(...args),
    list: (...args) => this.#listHolds(...args),
  };
  readonly packs: Packs = {
    claim: (...args) => this.#claimPack(...args),
    confirm: (...args) => this.#confirmPack(...args),
    raiseLockUntil: (...args) => this.#raiseLockUntil(...args),
    confirmLockedUntil: (...args) => this.#confirmLockedUntil(...args),
    findAll: (...args) => this.#getPacks(...args),
    listDue: (...args) => this.#listPacksDue(...args),
    startDeleting: (...args) => this.#startDeleting(...args),
    remove: (...args) => this.#removePack(...args),
    postponeDeleting: (...args) => this.#postponeDeleting(...args),
    markDamaged: (...args) => this.#markDamaged(...args),
    listDamaged: (...args) => this.#listDamagedPacks(...args),
    addHold: (...args) => this.#addPackHold(...args),
    removeHold: (...args) => this.#removePackHold(...args),
    recover: (...args) => this.#recoverPack(...args),
  };
  readonly restores: Restores = {
    put: (...args) => this.#putRestore(...args),
    find: (...args) => this.#findRestore(...args),
    list: (...args) => this.#listRestores(...args),
  };
  readonly #database: SqliteDatabase;
  readonly #runs: SqliteRuns;
  readonly #points: SqlitePoints;
  readonly #packs: SqlitePacks;

  /** @throws {@link StoreUnavailableError} the file cannot be opened. */
  constructor(path: string) {
    this.#database = new SqliteDatabase({ path, schema: catalogSchema });
    this.#runs = new SqliteRuns(this.#database);
    this.#points = new SqlitePoints(this.#database);
    this.#packs = new SqlitePacks(this.#database);
  }

  /** Frees the file. No other call is valid afterwards. */
  close(): void {
    this.#database.close();
  }

  #putResource({ arn, kind, plan, partOf, problem, seenAt, tags }: FoundResource): Promise<void> {
    return this.#change(() => {
      const found = encodeRow(definedOnly({ arn, kind, plan, partOf, problem, seenAt, tags }));
      this.#run(
        'INSERT INTO resources (arn, found) VALUES (?, ?) ON CONFLICT (arn) DO UPDATE SET found = excluded.found',
        arn,
        found,
      );
    });
  }

  #findResource(arn: ResourceArn): Promise<ResourceRow | undefined> {
    return this.#read(() => {
      const row = this.#resourceColumns(arn);
      return row === undefined ? undefined : resourceOf(row);
    });
  }

  async *#listResources(startAfter = '' as ResourceArn): AsyncGenerator<ResourceRow, void, undefined> {
    const rows = await this.#read(() =>
      this.#database
        .statement('SELECT found, last FROM resources WHERE arn > ? ORDER BY arn')
        .all(startAfter),
    );
    for (const row of rows) {
      const resource = resourceOf(row as unknown as ResourceColumns);
      if (resource !== undefined) yield resource;
    }
  }

  #removeResource(arn: ResourceArn): Promise<void> {
    return this.#change(() => this.#run('DELETE FROM resources WHERE arn = ?', arn));
  }

  #openRun(row: RunRow): Promise<RunRow> {
    return this.#change(() => {
      const outcome = this.#runs.open(row);
      if (outcome.opened) this.#setLast(row.resourceArn, { lastRunId: row.runId, lastRunState: row.state });
      return outcome.row;
    });
  }

  #findRun(runId: RunId): Promise<RunRow | undefined> {
    return this.#read(() => this.#runs.find(runId));
  }

  #updateRun(runId: RunId, change: RunChange): Promise<RunRow> {
    return this.#change(() => this.#runs.update(runId, change));
  }

  #touchRun(runId: RunId, aliveUntil: Date): Promise<void> {
    return this.#change(() => this.#runs.touch(runId, aliveUntil));
  }

  #cancelRun(runId: RunId): Promise<RunRow> {
    return this.#change(() => this.#runs.cancel(runId));
  }

  #closeRun(runId: RunId, outcome: RunOutcome): Promise<RunRow> {
    return this.#change(() => {
      const { row, closed } = this.#runs.close(runId, outcome);
      if (closed) this.#setLast(row.resourceArn, { lastRunId: runId, lastRunState: row.state });
      return row;
    });
  }

  #listRuns(filter: RunFilter, range: TimeRange = {}): AsyncIterable<RunRow> {
    const { resourceArn, plan } = filter;
    const equal = {
      ...(resourceArn === undefined ? {} : { resource: resourceArn }),
      ...(plan === undefined ? {} : { plan }),
    };
    return listByTime<RunRow>(this.#database, { table: 'runs', time: 'time', equal, range, dates: runDates });
  }

  #putPoint(row: PointRow): Promise<void> {
    return this.#change(() => {
      const { pointId, resourceArn, sourceTime } = row;
      this.#points.put(row);
      const last = this.#last(resourceArn);
      const newest = last.lastSourceTime?.getTime() ?? -Infinity;
      const time = sourceTime.getTime();
      if (time > newest || (time === newest && pointId >= (last.lastPointId ?? ''))) {
        this.#setLast(resourceArn, { lastPointId: pointId, lastSourceTime: sourceTime });
      }
    });
  }

  #findPoint(pointId: PointId): Promise<PointRow | undefined> {
    return this.#read(() => this.#points.find(pointId));
  }

  #listPoints(resourceArn: ResourceArn, range: TimeRange = {}): AsyncIterable<PointRow> {
    return this.#points.list(resourceArn, range);
  }

  #listPointsExpiring(range: TimeRange): AsyncIterable<PointRow> {
    return this.#points.listExpiring(range);
  }

  #startExpiring(pointId: PointId, now: Date): Promise<PointRow | 'kept'> {
    return this.#change(() => this.#points.startExpiring(pointId, now));
  }

  #removePoint(pointId: PointId): Promise<void> {
    return this.#change(() => this.#points.remove(pointId));
  }

  #prolongPoint(pointId: PointId, expiresAt: Date): Promise<'prolonged' | 'gone'> {
    return this.#change(() => this.#points.prolong(pointId, expiresAt));
  }

  #noteSnapshotsMissing(pointId: PointId, count: number): Promise<void> {
    return this.#change(() => this.#points.noteSnapshotsMissing(pointId, count));
  }

  #addPointHold(pointId: PointId, holdId: HoldId): Promise<'held' | 'gone'> {
    return this.#change(() => this.#points.addHold(pointId, holdId));
  }

  #removePointHold(pointId: PointId, holdId: HoldId): Promise<void> {
    return this.#change(() => this.#points.removeHold(pointId, holdId));
  }

  #listHeldPoints(): AsyncIterable<PointRow> {
    return this.#points.listHeld();
  }

  #putHold(row: HoldRow): Promise<void> {
    return this.#change(() => this.#putTimed('holds', row.holdId, row.setAt, row));
  }

  #findHold(holdId: HoldId): Promise<HoldRow | undefined> {
    return this.#read(() => findRow<HoldRow>(this.#database, 'holds', holdId, holdDates));
  }

  #listHolds(): AsyncIterable<HoldRow> {
    return listByTime<HoldRow>(this.#database, {
      table: 'holds',
      time: 'time',
      equal: {},
      range: {},
      dates: holdDates,
    });
  }

  #claimPack(row: PackClaim): Promise<void> {
    return this.#change(() => this.#packs.claim(row));
  }

  #confirmPack(packId: PackId, stored: ConfirmedPack): Promise<'live' | 'lost'> {
    return this.#change(() => this.#packs.confirm(packId, stored));
  }

  #raiseLockUntil(packId: PackId, lockUntil: Date): Promise<'raised' | 'not-live'> {
    return this.#change(() => this.#packs.raiseLockUntil(packId, lockUntil));
  }

  #confirmLockedUntil(packId: PackId, lockedUntil: Date): Promise<'confirmed' | 'not-live'> {
    return this.#change(() => this.#packs.confirmLockedUntil(packId, lockedUntil));
  }

  #getPacks(packIds: readonly PackId[]): Promise<ReadonlyMap<PackId, PackRow>> {
    return this.#read(() => this.#packs.findAll(packIds));
  }

  #listPacksDue(before: Date, partition?: number): AsyncIterable<PackRow> {
    return this.#packs.listDue(before, partition);
  }

  #startDeleting(packId: PackId, dueBefore: Date): Promise<PackRow | 'kept'> {
    return this.#change(() => this.#packs.startDeleting(packId, dueBefore));
  }

  #removePack(packId: PackId): Promise<void> {
    return this.#change(() => this.#packs.remove(packId));
  }

  #postponeDeleting(packId: PackId, lockUntil: Date): Promise<void> {
    return this.#change(() => this.#packs.postponeDeleting(packId, lockUntil));
  }

  #markDamaged(packId: PackId): Promise<void> {
    return this.#change(() => this.#packs.markDamaged(packId));
  }

  #listDamagedPacks(): AsyncIterable<PackRow> {
    return this.#packs.listDamaged();
  }

  #addPackHold(packId: PackId, holdId: HoldId): Promise<'held' | 'not-live'> {
    return this.#change(() => this.#packs.addHold(packId, holdId));
  }

  #removePackHold(packId: PackId, holdId: HoldId): Promise<void> {
    return this.#change(() => this.#packs.removeHold(packId, holdId));
  }

  #recoverPack(row: PackRow): Promise<void> {
    return this.#change(() => this.#packs.recover(row));
  }

  #putRestore(row: RestoreRow): Promise<void> {
    return this.#change(() => this.#putTimed('restores', row.restoreId, row.startedAt, row));
  }

  #findRestore(restoreId: string): Promise<RestoreRow | undefined> {
    return this.#read(() => findRow<RestoreRow>(this.#database, 'restores', restoreId, restoreDates));
  }

  #listRestores(range: TimeRange = {}): AsyncIterable<RestoreRow> {
    return listByTime<RestoreRow>(this.#database, {
      table: 'restores',
      time: 'time',
      equal: {},
      range,
      dates: restoreDates,
    });
  }

  #change<T>(work: () => T): Promise<T> {
    return this.#database.durably(work);
  }

  async #read<T>(work: () => T): Promise<T> {
    return this.#database.snapshot(work);
  }

  #putTimed(table: 'holds' | 'restores', id: string, time: Date, row: HoldRow | RestoreRow): void {
    const sql = `INSERT OR REPLACE INTO ${table} (id, time, row) VALUES (?, ?, ?)`;
    this.#run(sql, id, time.getTime(), encodeRow(row));
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
