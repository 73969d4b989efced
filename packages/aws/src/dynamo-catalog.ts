/*
 * The catalog as one DynamoDB table, by access pattern:
 *
 *   what                         PK              SK                        GSI1                        GSI2
 *   resource                     RES#<arn>       RES                       RESOURCES / <arn>
 *   its open run (run id only)   RES#<arn>       OPEN-RUN
 *   its points by source time    RES#<arn>       POINT#<time>#<point id>                               EXPIRE#<x> / <expiry>#<point id>
 *   where a point's row is       POINT#<id>      PLACE
 *   run                          RUN#<id>        RUN                       RUNS#<arn> / <start>#<id>   RUNS / <start>#<id>
 *   pack                         PACK#<id>       PACK                                                  SWEEP#<x> / <lockUntil>#<id>
 *   restore                      RESTORE#<id>    RESTORE                   RESTORES / <start>#<id>
 *
 * <time> is ISO 8601 in milliseconds, so text sorts by time. <x> is the last hexadecimal digit of the id: what is due
 * by a date is read from 16 partitions, as one partition would throttle the table when many rows are written.
 * Runs of a plan are the runs in a span of time, filtered: a deployment has a handful of plans.
 * Reads by key and the points of a resource are strongly consistent; what comes from an index may lag by a second.
 */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type {
  Catalog,
  Clock,
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
import { indexKeys, resourceCodec, restoreCodec, rowKeys, timeKeyRange } from './dynamo-rows.ts';
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
    const { arn, kind, plan, problem, seenAt } = row;
    await this.#table.update({
      key: rowKeys.resource(arn),
      set: {
        ...resourceCodec.encode({ arn, kind, plan, seenAt }),
        ...(problem === undefined ? {} : { problem }),
        ...indexKeys.resource(arn),
      },
      ...(problem === undefined ? { remove: ['problem'] } : {}),
    });
  }

  async findResource(arn: ResourceArn): Promise<ResourceRow | undefined> {
    const item = await this.#table.find(rowKeys.resource(arn));
    // An item of `last…` fields alone belongs to a resource that discovery has not seen, or that was removed.
    return item?.['arn'] === undefined ? undefined : resourceCodec.decode(item);
  }

  async *listResources(): AsyncIterable<ResourceRow> {
    const items = this.#table.query({ index: 'GSI1', partition: 'RESOURCES', from: 'arn:', to: 'arn;' });
    for await (const item of items) yield resourceCodec.decode(item);
  }

  removeResource(arn: ResourceArn): Promise<void> {
    return this.#table.remove(rowKeys.resource(arn));
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

  removePoint(pointId: PointId): Promise<void> {
    return this.#points.remove(pointId);
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
