import {
  CatalogConflictError,
  InvalidInputError,
  RunClosedError,
  RunOpenError,
  UnknownNameError,
} from '../errors.ts';
import type { PackId, PointId, ResourceArn, RunId } from '../ids.ts';
import type {
  Catalog,
  PackRow,
  PointRow,
  ResourceRow,
  RestoreRow,
  RunRow,
  TimeRange,
} from '../ports/catalog.ts';

type LastFields = Pick<ResourceRow, 'lastRunId' | 'lastRunState' | 'lastPointId' | 'lastSourceTime'>;
type FoundFields = Pick<ResourceRow, 'arn' | 'kind' | 'plan' | 'problem' | 'seenAt'>;

/** A catalog in memory. Every method decides in one step, so callers never see one another half-way. */
export class MemoryCatalog implements Catalog {
  readonly #resources = new Map<ResourceArn, FoundFields>();
  readonly #last = new Map<ResourceArn, LastFields>();
  readonly #runs = new Map<RunId, RunRow>();
  readonly #openRuns = new Map<ResourceArn, RunId>();
  readonly #points = new Map<PointId, PointRow>();
  readonly #packs = new Map<PackId, PackRow>();
  readonly #restores = new Map<string, RestoreRow>();

  async putResource(row: FoundFields): Promise<void> {
    await Promise.resolve();
    const { arn, kind, plan, problem, seenAt } = row;
    this.#resources.set(arn, { arn, kind, plan, seenAt, ...(problem === undefined ? {} : { problem }) });
  }

  async findResource(arn: ResourceArn): Promise<ResourceRow | undefined> {
    await Promise.resolve();
    const found = this.#resources.get(arn);
    return found && { ...found, ...this.#last.get(arn) };
  }

  async *listResources(): AsyncIterable<ResourceRow> {
    await Promise.resolve();
    for (const [arn, found] of this.#resources) yield { ...found, ...this.#last.get(arn) };
  }

  async removeResource(arn: ResourceArn): Promise<void> {
    await Promise.resolve();
    this.#resources.delete(arn);
    this.#last.delete(arn);
  }

  async openRun(row: RunRow): Promise<RunRow> {
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

  async findRun(runId: RunId): Promise<RunRow | undefined> {
    await Promise.resolve();
    return this.#runs.get(runId);
  }

  async updateRun(runId: RunId, change: Parameters<Catalog['updateRun']>[1]): Promise<RunRow> {
    await Promise.resolve();
    const row = { ...this.#openRun(runId), ...definedOnly(change) };
    this.#runs.set(runId, row);
    return row;
  }

  async touchRun(runId: RunId, aliveUntil: Date): Promise<void> {
    await Promise.resolve();
    const row = this.#openRun(runId);
    if (aliveUntil > row.aliveUntil) this.#runs.set(runId, { ...row, aliveUntil });
  }

  async cancelRun(runId: RunId): Promise<RunRow> {
    await Promise.resolve();
    const row = this.#knownRun(runId);
    if (row.state !== 'open') return row;
    const cancelling: RunRow = { ...row, state: 'cancelling' };
    this.#runs.set(runId, cancelling);
    return cancelling;
  }

  async closeRun(runId: RunId, outcome: Parameters<Catalog['closeRun']>[1]): Promise<RunRow> {
    await Promise.resolve();
    const row = this.#knownRun(runId);
    if (row.state !== 'open' && row.state !== 'cancelling') return row;
    const closed: RunRow = { ...row, ...definedOnly(outcome) };
    this.#runs.set(runId, closed);
    this.#openRuns.delete(row.resourceArn);
    this.#setLast(row.resourceArn, { lastRunId: runId, lastRunState: closed.state });
    return closed;
  }

  async *listRuns(
    filter: { readonly resourceArn?: ResourceArn; readonly plan?: string },
    range: TimeRange = {},
  ): AsyncIterable<RunRow> {
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

  async putPoint(row: PointRow): Promise<void> {
    await Promise.resolve();
    this.#points.set(row.pointId, row);
    const last = this.#last.get(row.resourceArn);
    const newest = last?.lastSourceTime?.getTime() ?? -Infinity;
    const time = row.sourceTime.getTime();
    if (time > newest || (time === newest && row.pointId >= (last?.lastPointId ?? ''))) {
      this.#setLast(row.resourceArn, { lastPointId: row.pointId, lastSourceTime: row.sourceTime });
    }
  }

  async findPoint(pointId: PointId): Promise<PointRow | undefined> {
    await Promise.resolve();
    return this.#points.get(pointId);
  }

  async *listPoints(resourceArn: ResourceArn, range: TimeRange = {}): AsyncIterable<PointRow> {
    await Promise.resolve();
    const rows = [...this.#points.values()].filter(
      (row) => row.resourceArn === resourceArn && within(row.sourceTime, range),
    );
    yield* newestFirst(
      rows,
      (row) => row.sourceTime,
      (row) => row.pointId,
    );
  }

  async *listPointsExpiring(range: TimeRange): AsyncIterable<PointRow> {
    await Promise.resolve();
    for (const row of this.#points.values()) if (within(row.expiresAt, range)) yield row;
  }

  async removePoint(pointId: PointId): Promise<void> {
    await Promise.resolve();
    this.#points.delete(pointId);
  }

  async claimPack(row: Parameters<Catalog['claimPack']>[0]): Promise<void> {
    await Promise.resolve();
    const known = this.#packs.get(row.packId);
    if (known !== undefined) {
      // A repeated claim of the same run: its first answer was lost.
      if (known.runId === row.runId && known.state === 'writing') return;
      throw new CatalogConflictError(
        `pack id ${row.packId} is taken by run ${known.runId}; store under a new id`,
      );
    }
    const { packId, kind, retentionClass, runId, lockUntil } = row;
    this.#packs.set(packId, { packId, kind, retentionClass, runId, lockUntil, state: 'writing' });
  }

  async confirmPack(
    packId: PackId,
    stored: { versionId: string; bytes: number; lockedUntil: Date },
  ): Promise<'live' | 'lost'> {
    await Promise.resolve();
    const row = this.#packs.get(packId);
    if (row === undefined || row.state === 'deleting') return 'lost';
    if (row.state === 'writing') this.#packs.set(packId, { ...row, ...stored, state: 'live' });
    return 'live';
  }

  async raiseLockUntil(packId: PackId, lockUntil: Date): Promise<'raised' | 'not-live'> {
    await Promise.resolve();
    const row = this.#livePack(packId);
    if (row === undefined) return 'not-live';
    if (lockUntil > row.lockUntil) this.#packs.set(packId, { ...row, lockUntil });
    return 'raised';
  }

  async confirmLockedUntil(packId: PackId, lockedUntil: Date): Promise<'confirmed' | 'not-live'> {
    await Promise.resolve();
    const row = this.#livePack(packId);
    if (row === undefined) return 'not-live';
    if (row.lockedUntil === undefined || lockedUntil > row.lockedUntil) {
      this.#packs.set(packId, { ...row, lockedUntil });
    }
    return 'confirmed';
  }

  async getPacks(packIds: readonly PackId[]): Promise<ReadonlyMap<PackId, PackRow>> {
    if (packIds.length > 1000)
      throw new InvalidInputError(`${packIds.length} pack ids in one call; ask for at most 1,000`);
    await Promise.resolve();
    const found = new Map<PackId, PackRow>();
    for (const packId of packIds) {
      const row = this.#packs.get(packId);
      if (row !== undefined) found.set(packId, row);
    }
    return found;
  }

  async putRestore(row: RestoreRow): Promise<void> {
    await Promise.resolve();
    this.#restores.set(row.restoreId, row);
  }

  async findRestore(restoreId: string): Promise<RestoreRow | undefined> {
    await Promise.resolve();
    return this.#restores.get(restoreId);
  }

  async *listRestores(range: TimeRange = {}): AsyncIterable<RestoreRow> {
    await Promise.resolve();
    const rows = [...this.#restores.values()].filter((row) => within(row.startedAt, range));
    yield* newestFirst(
      rows,
      (row) => row.startedAt,
      (row) => row.restoreId,
    );
  }

  /** All pack rows, in the order they were claimed. */
  packs(): readonly PackRow[] {
    return [...this.#packs.values()];
  }

  /** Writes a pack's row as it is: what sweepers and verify do (`deleting`, `damaged`). */
  plantPack(row: PackRow): void {
    this.#packs.set(row.packId, row);
  }

  /** Takes a pack's row away, as a sweeper does last, or a lost table. */
  removePack(packId: PackId): void {
    this.#packs.delete(packId);
  }

  #knownRun(runId: RunId): RunRow {
    const row = this.#runs.get(runId);
    if (row === undefined) throw new UnknownNameError(`run ${runId} is not in the catalog; check the run id`);
    return row;
  }

  #openRun(runId: RunId): RunRow {
    const row = this.#knownRun(runId);
    if (row.state !== 'open') throw new RunClosedError(runId, `its state is ${row.state}`);
    return row;
  }

  #livePack(packId: PackId): PackRow | undefined {
    const row = this.#packs.get(packId);
    return row?.state === 'live' && row.damaged !== true ? row : undefined;
  }

  #setLast(arn: ResourceArn, fields: LastFields): void {
    this.#last.set(arn, { ...this.#last.get(arn), ...fields });
  }
}

function within(time: Date, range: TimeRange): boolean {
  return (range.from === undefined || time >= range.from) && (range.to === undefined || time <= range.to);
}

function newestFirst<Row>(
  rows: readonly Row[],
  time: (row: Row) => Date,
  id: (row: Row) => string,
): readonly Row[] {
  return rows.toSorted((a, b) => time(b).getTime() - time(a).getTime() || (id(a) < id(b) ? 1 : -1));
}

function definedOnly<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields;
}
