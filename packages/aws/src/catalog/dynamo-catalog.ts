/*
 * The catalog as one DynamoDB table, by access pattern:
 *
 *   what                         PK              SK                        GSI1                        GSI2
 *   resource                     RES#<arn>       RES                       RESOURCES / <arn>
 *   its open run (run id only)   RES#<arn>       OPEN-RUN
 *   its points by source time    RES#<arn>       POINT#<time>#<point id>   HELD / <point id>           EXPIRE#<x> / <expiry>#<point id>
 *   where a point's row is       POINT#<id>      PLACE
 *   run                          RUN#<id>        RUN                       RUNS#<arn> / <start>#<id>   RUNS / <start>#<id>
 *   pack                         PACK#<id>       PACK                      DAMAGED / <id>              SWEEP#<x> / <lockUntil>#<id>
 *   hold                         HOLDS           HOLD#<id>
 *   restore                      RESTORE#<id>    RESTORE                   RESTORES / <start>#<id>
 *
 * <time> is ISO 8601 in milliseconds, so text sorts by time. <x> is the last hexadecimal digit of the id: what is due
 * by a date is read from 16 partitions, as one partition would throttle the table when many rows are written.
 * HELD and DAMAGED are there only while they are true, so a list of either costs what it returns.
 * Runs of a plan are the runs in a span of time, filtered: a deployment has a handful of plans.
 * Reads by key, the points of a resource and the holds are strongly consistent; what comes from an index may lag by a second.
 */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type {
  Catalog,
  Clock,
  HoldId,
  HoldRow,
  PackId,
  PackRow,
  PointId,
  PointRow,
  RandomBytes,
  ResourceArn,
  ResourceRow,
  RestoreRow,
  RunId,
  RunRow,
  TimeRange,
} from '@holdfast/engine';
import { DynamoPacks } from './dynamo-packs.ts';
import { DynamoPoints } from './dynamo-points.ts';
import {
  holdCodec,
  holdsPartition,
  indexKeys,
  resourceCodec,
  restoreCodec,
  rowKeys,
  timeKeyRange,
} from './dynamo-rows.ts';
import { DynamoRuns } from './dynamo-runs.ts';
import { DynamoTable } from './dynamo-table.ts';

/** The catalog in a DynamoDB table. */
export class DynamoCatalog implements Catalog {
  readonly #table: DynamoTable;
  readonly #runs: DynamoRuns;
  readonly #points: DynamoPoints;
  readonly #packs: DynamoPacks;

  /** @param clock waits between repetitions of writes that met others */
  constructor(dynamo: DynamoDBDocumentClient, table: string, clock: Clock, random: RandomBytes) {
    this.#table = new DynamoTable(dynamo, table, clock, random);
    this.#runs = new DynamoRuns(this.#table);
    this.#points = new DynamoPoints(this.#table);
    this.#packs = new DynamoPacks(this.#table);
  }

  async putResource(row: Parameters<Catalog['putResource']>[0]): Promise<void> {
    const { arn, kind, plan, partOf, problem, seenAt, tags } = row;
    await this.#table.update({
      key: rowKeys.resource(arn),
      set: {
        ...resourceCodec.encode({ arn, kind, plan, seenAt }),
        ...(partOf === undefined ? {} : { partOf }),
        ...(problem === undefined ? {} : { problem }),
        ...(tags === undefined ? {} : { tags }),
        ...indexKeys.resource(arn),
      },
      remove: Object.entries({ partOf, problem, tags }).flatMap(([name, value]) =>
        value === undefined ? [name] : [],
      ),
    });
  }

  async findResource(arn: ResourceArn): Promise<ResourceRow | undefined> {
    const item = await this.#table.find(rowKeys.resource(arn));
    // An item of `last…` fields alone belongs to a resource that discovery has not seen, or that was removed.
    return item?.['arn'] === undefined ? undefined : resourceCodec.decode(item);
  }

  async *listResources(startAfter?: ResourceArn): AsyncIterable<ResourceRow> {
    const from = startAfter ?? 'arn:';
    for await (const item of this.#table.query({ index: 'GSI1', partition: 'RESOURCES', from, to: 'arn;' })) {
      const row = resourceCodec.decode(item);
      // A range of DynamoDB has both of its ends.
      if (row.arn !== startAfter) yield row;
    }
  }

  async removeResource(arn: ResourceArn): Promise<void> {
    await this.#table.remove(rowKeys.resource(arn));
  }

  openRun(row: RunRow): Promise<RunRow> {
    return this.#runs.open(row);
  }

  findRun(runId: RunId): Promise<RunRow | undefined> {
    return this.#runs.find(runId);
  }

  updateRun(runId: RunId, change: Parameters<Catalog['updateRun']>[1]): Promise<RunRow> {
    return this.#runs.update(runId, change);
  }

  touchRun(runId: RunId, aliveUntil: Date): Promise<void> {
    return this.#runs.touch(runId, aliveUntil);
  }

  cancelRun(runId: RunId): Promise<RunRow> {
    return this.#runs.cancel(runId);
  }

  closeRun(runId: RunId, outcome: Parameters<Catalog['closeRun']>[1]): Promise<RunRow> {
    return this.#runs.close(runId, outcome);
  }

  listRuns(filter: Parameters<Catalog['listRuns']>[0], range?: TimeRange): AsyncIterable<RunRow> {
    return this.#runs.list(filter, range);
  }

  putPoint(row: PointRow): Promise<void> {
    return this.#points.put(row);
  }

  findPoint(pointId: PointId): Promise<PointRow | undefined> {
    return this.#points.find(pointId);
  }

  listPoints(resourceArn: ResourceArn, range?: TimeRange): AsyncIterable<PointRow> {
    return this.#points.list(resourceArn, range);
  }

  listPointsExpiring(range: TimeRange): AsyncIterable<PointRow> {
    return this.#points.listExpiring(range);
  }

  startExpiring(pointId: PointId, now: Date): Promise<PointRow | 'kept'> {
    return this.#points.startExpiring(pointId, now);
  }

  removePoint(pointId: PointId): Promise<void> {
    return this.#points.remove(pointId);
  }

  prolongPoint(pointId: PointId, expiresAt: Date): Promise<'prolonged' | 'gone'> {
    return this.#points.prolong(pointId, expiresAt);
  }

  async noteSnapshotsMissing(pointId: PointId, count: number): Promise<void> {
    return this.#points.noteSnapshotsMissing(pointId, count);
  }

  addPointHold(pointId: PointId, holdId: HoldId): Promise<'held' | 'gone'> {
    return this.#points.addHold(pointId, holdId);
  }

  removePointHold(pointId: PointId, holdId: HoldId): Promise<void> {
    return this.#points.removeHold(pointId, holdId);
  }

  listHeldPoints(): AsyncIterable<PointRow> {
    return this.#points.listHeld();
  }

  async putHold(row: HoldRow): Promise<void> {
    await this.#table.put({ ...rowKeys.hold(row.holdId), ...holdCodec.encode(row) });
  }

  async findHold(holdId: HoldId): Promise<HoldRow | undefined> {
    const item = await this.#table.find(rowKeys.hold(holdId));
    return item && holdCodec.decode(item);
  }

  async *listHolds(): AsyncIterable<HoldRow> {
    const rows: HoldRow[] = [];
    const items = this.#table.query({ partition: holdsPartition, from: 'HOLD#', to: 'HOLD$' });
    for await (const item of items) rows.push(holdCodec.decode(item));
    yield* rows.sort((a, b) => b.setAt.getTime() - a.setAt.getTime() || (a.holdId < b.holdId ? 1 : -1));
  }

  claimPack(row: Parameters<Catalog['claimPack']>[0]): Promise<void> {
    return this.#packs.claim(row);
  }

  confirmPack(packId: PackId, stored: Parameters<Catalog['confirmPack']>[1]): Promise<'live' | 'lost'> {
    return this.#packs.confirm(packId, stored);
  }

  raiseLockUntil(packId: PackId, lockUntil: Date): Promise<'raised' | 'not-live'> {
    return this.#packs.raiseLockUntil(packId, lockUntil);
  }

  confirmLockedUntil(packId: PackId, lockedUntil: Date): Promise<'confirmed' | 'not-live'> {
    return this.#packs.confirmLockedUntil(packId, lockedUntil);
  }

  getPacks(packIds: readonly PackId[]): Promise<ReadonlyMap<PackId, PackRow>> {
    return this.#packs.getAll(packIds);
  }

  listPacksDue(before: Date, partition?: number): AsyncIterable<PackRow> {
    return this.#packs.listDue(before, partition);
  }

  startDeleting(packId: PackId, dueBefore: Date): Promise<PackRow | 'kept'> {
    return this.#packs.startDeleting(packId, dueBefore);
  }

  removePack(packId: PackId): Promise<void> {
    return this.#packs.remove(packId);
  }

  postponeDeleting(packId: PackId, lockUntil: Date): Promise<void> {
    return this.#packs.postponeDeleting(packId, lockUntil);
  }

  markDamaged(packId: PackId): Promise<void> {
    return this.#packs.markDamaged(packId);
  }

  listDamagedPacks(): AsyncIterable<PackRow> {
    return this.#packs.listDamaged();
  }

  addPackHold(packId: PackId, holdId: HoldId): Promise<'held' | 'not-live'> {
    return this.#packs.addHold(packId, holdId);
  }

  removePackHold(packId: PackId, holdId: HoldId): Promise<void> {
    return this.#packs.removeHold(packId, holdId);
  }

  recoverPack(row: PackRow): Promise<void> {
    return this.#packs.recover(row);
  }

  async putRestore(row: RestoreRow): Promise<void> {
    await this.#table.put({
      ...rowKeys.restore(row.restoreId),
      ...indexKeys.restore(row),
      ...restoreCodec.encode(row),
    });
  }

  async findRestore(restoreId: string): Promise<RestoreRow | undefined> {
    const item = await this.#table.find(rowKeys.restore(restoreId));
    return item && restoreCodec.decode(item);
  }

  async *listRestores(range?: TimeRange): AsyncIterable<RestoreRow> {
    const items = this.#table.query({
      index: 'GSI1',
      partition: 'RESTORES',
      ...timeKeyRange(range),
      newestFirst: true,
    });
    for await (const item of items) yield restoreCodec.decode(item);
  }
}
