import { RunClosedError, RunOpenError, UnknownNameError } from '../errors.ts';
import type { HoldId, PackId, PointId, ResourceArn, RunId } from '../ids.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { HoldRow, Holds } from '../ports/catalog/holds.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { PointRow, Points } from '../ports/catalog/points.ts';
import type { FoundResource, ResourceRow, Resources } from '../ports/catalog/resources.ts';
import type { RestoreRow, Restores } from '../ports/catalog/restores.ts';
import type { RunChange, RunFilter, RunOutcome, RunRow, Runs } from '../ports/catalog/runs.ts';
import type { TimeRange } from '../ports/catalog/time-range.ts';
import { MemoryPacks } from './memory-packs.ts';
import { MemoryPoints } from './memory-points.ts';
import { newestFirst, within } from './row-order.ts';

type LastFields = Pick<ResourceRow, 'lastRunId' | 'lastRunState' | 'lastPointId' | 'lastSourceTime'>;

/** A catalog in memory. Every method decides in one step, so callers never see one another half-way. */
export class MemoryCatalog implements Catalog {
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
  packs = new MemoryPacks();
  readonly restores: Restores = {
    put: (...args) => this.#putRestore(...args),
    find: (...args) => this.#findRestore(...args),
    list: (...args) => this.#listRestores(...args),
  };
  readonly #resources = new Map<ResourceArn, FoundResource>();
  readonly #last = new Map<ResourceArn, LastFields>();
  readonly #runs = new Map<RunId, RunRow>();
  readonly #openRuns = new Map<ResourceArn, RunId>();
  #points = new MemoryPoints();
  readonly #holds = new Map<HoldId, HoldRow>();
  readonly #restores = new Map<string, RestoreRow>();

  async #putResource(row: FoundResource): Promise<void> {
    await Promise.resolve();
    const { arn, kind, plan, partOf, problem, seenAt, tags } = row;
    const optional = definedOnly({ partOf, problem, tags }) as Partial<FoundResource>;
    this.#resources.set(arn, { arn, kind, plan, seenAt, ...optional });
  }

  async #findResource(arn: ResourceArn): Promise<ResourceRow | undefined> {
    await Promise.resolve();
    const found = this.#resources.get(arn);
    return found && { ...found, ...this.#last.get(arn) };
  }

  async *#listResources(startAfter = '' as ResourceArn): AsyncIterable<ResourceRow> {
    await Promise.resolve();
    const rows = [...this.#resources]
      .filter(([arn]) => arn > startAfter)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [arn, found] of rows) yield { ...found, ...this.#last.get(arn) };
  }

  async #removeResource(arn: ResourceArn): Promise<void> {
    await Promise.resolve();
    this.#resources.delete(arn);
    this.#last.delete(arn);
  }

  async #openRun(row: RunRow): Promise<RunRow> {
    await Promise.resolve();
    const known = this.#runs.get(row.runId);
    if (known !== undefined) return known;
    const open = this.#runs.get(this.#openRuns.get(row.resourceArn) ?? ('' as RunId));
    if (open !== undefined) {
      if (open.aliveUntil > row.startedAt)
        throw new RunOpenError(row.resourceArn, open.runId, open.aliveUntil);
      this.#runs.set(open.runId, {
        ...open,
        state: 'failed',
        endedAt: row.startedAt,
        error: {
          name: 'RunAbandonedError',
          message: `nothing was heard of run ${open.runId} after ${open.aliveUntil.toISOString()}; run ${row.runId} took over`,
        },
      });
    }
    this.#runs.set(row.runId, row);
    this.#openRuns.set(row.resourceArn, row.runId);
    this.#setLast(row.resourceArn, { lastRunId: row.runId, lastRunState: row.state });
    return row;
  }

  async #findRun(runId: RunId): Promise<RunRow | undefined> {
    await Promise.resolve();
    return this.#runs.get(runId);
  }

  async #updateRun(runId: RunId, change: RunChange): Promise<RunRow> {
    await Promise.resolve();
    const row = { ...this.#getOpen(runId), ...definedOnly(change) };
    this.#runs.set(runId, row);
    return row;
  }

  async #touchRun(runId: RunId, aliveUntil: Date): Promise<void> {
    await Promise.resolve();
    const row = this.#getOpen(runId);
    if (aliveUntil > row.aliveUntil) this.#runs.set(runId, { ...row, aliveUntil });
  }

  async #cancelRun(runId: RunId): Promise<RunRow> {
    await Promise.resolve();
    const row = this.#knownRun(runId);
    if (row.state !== 'open') return row;
    const cancelling: RunRow = { ...row, state: 'cancelling' };
    this.#runs.set(runId, cancelling);
    return cancelling;
  }

  async #closeRun(runId: RunId, outcome: RunOutcome): Promise<RunRow> {
    await Promise.resolve();
    const row = this.#knownRun(runId);
    if (row.state !== 'open' && row.state !== 'cancelling') return row;
    const closed: RunRow = { ...row, ...definedOnly(outcome) };
    this.#runs.set(runId, closed);
    this.#openRuns.delete(row.resourceArn);
    this.#setLast(row.resourceArn, { lastRunId: runId, lastRunState: closed.state });
    return closed;
  }

  async *#listRuns(filter: RunFilter, range: TimeRange = {}): AsyncIterable<RunRow> {
    await Promise.resolve();
    const rows = [...this.#runs.values()].filter(
      (row) =>
        (filter.resourceArn === undefined || row.resourceArn === filter.resourceArn) &&
        (filter.plan === undefined || row.plan === filter.plan) &&
        within(row.startedAt, range),
    );
    yield* newestFirst(
      rows,
      (row) => row.startedAt,
      (row) => row.runId,
    );
  }

  async #putPoint(row: PointRow): Promise<void> {
    await this.#points.put(row);
    const last = this.#last.get(row.resourceArn);
    const newest = last?.lastSourceTime?.getTime() ?? -Infinity;
    const time = row.sourceTime.getTime();
    if (time > newest || (time === newest && row.pointId >= (last?.lastPointId ?? ''))) {
      this.#setLast(row.resourceArn, { lastPointId: row.pointId, lastSourceTime: row.sourceTime });
    }
  }

  async #findPoint(pointId: PointId): Promise<PointRow | undefined> {
    return this.#points.find(pointId);
  }

  #listPoints(resourceArn: ResourceArn, range: TimeRange = {}): AsyncIterable<PointRow> {
    return this.#points.list(resourceArn, range);
  }

  #listPointsExpiring(range: TimeRange): AsyncIterable<PointRow> {
    return this.#points.listExpiring(range);
  }

  async #startExpiring(pointId: PointId, now: Date): Promise<PointRow | 'kept'> {
    return this.#points.startExpiring(pointId, now);
  }

  async #removePoint(pointId: PointId): Promise<void> {
    return this.#points.remove(pointId);
  }

  async #prolongPoint(pointId: PointId, expiresAt: Date): Promise<'prolonged' | 'gone'> {
    return this.#points.prolong(pointId, expiresAt);
  }

  async #noteSnapshotsMissing(pointId: PointId, count: number): Promise<void> {
    return this.#points.noteSnapshotsMissing(pointId, count);
  }

  async #addPointHold(pointId: PointId, holdId: HoldId): Promise<'held' | 'gone'> {
    return this.#points.addHold(pointId, holdId);
  }

  async #removePointHold(pointId: PointId, holdId: HoldId): Promise<void> {
    return this.#points.removeHold(pointId, holdId);
  }

  #listHeldPoints(): AsyncIterable<PointRow> {
    return this.#points.listHeld();
  }

  async #putHold(row: HoldRow): Promise<void> {
    await Promise.resolve();
    this.#holds.set(row.holdId, row);
  }

  async #findHold(holdId: HoldId): Promise<HoldRow | undefined> {
    await Promise.resolve();
    return this.#holds.get(holdId);
  }

  async *#listHolds(): AsyncIterable<HoldRow> {
    await Promise.resolve();
    yield* newestFirst(
      [...this.#holds.values()],
      (row) => row.setAt,
      (row) => row.holdId,
    );
  }

  async #putRestore(row: RestoreRow): Promise<void> {
    await Promise.resolve();
    this.#restores.set(row.restoreId, row);
  }

  async #findRestore(restoreId: string): Promise<RestoreRow | undefined> {
    await Promise.resolve();
    return this.#restores.get(restoreId);
  }

  async *#listRestores(range: TimeRange = {}): AsyncIterable<RestoreRow> {
    await Promise.resolve();
    const rows = [...this.#restores.values()].filter((row) => within(row.startedAt, range));
    yield* newestFirst(
      rows,
      (row) => row.startedAt,
      (row) => row.restoreId,
    );
  }

  /** A catalog with the same rows that goes its own way: for tests that try more than one continuation. */
  fork(): MemoryCatalog {
    const copy = new MemoryCatalog();
    copyMap(this.#resources, copy.#resources);
    copyMap(this.#last, copy.#last);
    copyMap(this.#runs, copy.#runs);
    copyMap(this.#openRuns, copy.#openRuns);
    copyMap(this.#holds, copy.#holds);
    copyMap(this.#restores, copy.#restores);
    copy.#points = this.#points.fork();
    copy.packs = this.packs.fork();
    return copy;
  }

  /** Every run, point, pack and hold, in no order. A row is never changed: a change puts another in its place. */
  *rows(): Generator<RunRow | PointRow | PackRow | HoldRow> {
    yield* this.#runs.values();
    yield* this.#points.all();
    yield* this.packs.all();
    yield* this.#holds.values();
  }

  /** All pack rows, in the order they were claimed. */
  packRows(): readonly PackRow[] {
    return this.packs.all();
  }

  /** Writes a pack's row as it is, whatever was there. */
  plantPack(row: PackRow): void {
    this.packs.plant(row);
  }

  /** Takes a pack's row away, whatever its state, as a lost table does. */
  losePack(packId: PackId): void {
    this.packs.lose(packId);
  }

  #knownRun(runId: RunId): RunRow {
    const row = this.#runs.get(runId);
    if (row === undefined) throw new UnknownNameError(`run ${runId} is not in the catalog; check the run id`);
    return row;
  }

  #getOpen(runId: RunId): RunRow {
    const row = this.#knownRun(runId);
    if (row.state !== 'open') throw new RunClosedError(runId, `its state is ${row.state}`);
    return row;
  }

  #setLast(arn: ResourceArn, fields: LastFields): void {
    this.#last.set(arn, { ...this.#last.get(arn), ...fields });
  }
}

function copyMap<Key, Value>(from: ReadonlyMap<Key, Value>, to: Map<Key, Value>): void {
  for (const [key, value] of from) to.set(key, value);
}

function definedOnly<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields;
}
