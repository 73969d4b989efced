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
 *   what workers share           SHARED#<name>   SHARED
 *   what a part has done         PROGRESS#<id>#<x>  PART#<number>
 *   what all parts come to       PROGRESS#<id>#0    TOTAL
 *
 * <time> is ISO 8601 in milliseconds, so text sorts by time. <x> is the last hexadecimal digit of the id: what is due
 * by a date is read from 16 partitions, as one partition would throttle the table when many rows are written.
 * Parts of a run or restore <id> are spread by number, as thousands of workers report at a time; their rows end by the
 * table's TTL.
 * HELD and DAMAGED are there only while they are true, so a list of either costs what it returns.
 * Runs of a plan are the runs in a span of time, filtered: a deployment has a handful of plans.
 * Reads by key, the points of a resource and the holds are strongly consistent; what comes from an index may lag by a second.
 */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import {
  type Catalog,
  CatalogPacks,
  CatalogPoints,
  CatalogRuns,
  type Clock,
  type LastFields,
  type RandomBytes,
} from '@holdfast/engine';
import { DynamoHolds } from './dynamo-holds.ts';
import { lastCodec, rowKeys } from './dynamo-items.ts';
import { DynamoPackRows } from './dynamo-pack-rows.ts';
import { DynamoPointRows } from './dynamo-point-rows.ts';
import { DynamoProgress } from './dynamo-progress.ts';
import { DynamoResources } from './dynamo-resources.ts';
import { DynamoRestores } from './dynamo-restores.ts';
import { DynamoRows } from './dynamo-rows.ts';
import { DynamoRunRows } from './dynamo-run-rows.ts';
import { DynamoTable } from './dynamo-table.ts';

export class DynamoCatalog implements Catalog {
  readonly resources: DynamoResources;
  readonly runs: CatalogRuns;
  readonly points: CatalogPoints;
  readonly packs: CatalogPacks;
  readonly holds: DynamoHolds;
  readonly restores: DynamoRestores;
  readonly progress: DynamoProgress;

  /** @param clock - waits before a write that met another one is repeated */
  constructor(dynamo: DynamoDBDocumentClient, tableName: string, clock: Clock, random: RandomBytes) {
    const table = new DynamoTable(dynamo, tableName, clock, random);
    const lasts = new DynamoRows<LastFields>(table, {
      codec: lastCodec,
      keyOf: rowKeys.resource,
      indexed: {},
      isOptional: true,
    });
    this.resources = new DynamoResources(table);
    this.runs = new CatalogRuns(new DynamoRunRows(table));
    this.points = new CatalogPoints(new DynamoPointRows(table), lasts);
    this.packs = new CatalogPacks(new DynamoPackRows(table));
    this.holds = new DynamoHolds(table);
    this.restores = new DynamoRestores(table);
    this.progress = new DynamoProgress(table);
  }
}
