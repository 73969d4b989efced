import type {
  HoldId,
  HoldRow,
  LastFields,
  PackId,
  PackRow,
  PointId,
  PointRow,
  ResourceArn,
  ResourceRow,
  RestoreRow,
  RunId,
  RunRow,
  SharedName,
  TimeRange,
} from '@holdfast/engine';
import type { Item } from './dynamo-batches.ts';

export interface RowKey {
  readonly PK: string;
  readonly SK: string;
}

/** All holds lie in one partition: they are few, and a list of them has to be consistent. */
export const holdsPartition = 'HOLDS';

/** Keys of each kind of row: see the table at the top of dynamo-catalog.ts. */
export const rowKeys = {
  resource: (arn: ResourceArn): RowKey => ({ PK: `RES#${arn}`, SK: 'RES' }),
  openRun: (arn: ResourceArn): RowKey => ({ PK: `RES#${arn}`, SK: 'OPEN-RUN' }),
  point: (arn: ResourceArn, sourceTime: Date, pointId: PointId): RowKey => ({
    PK: `RES#${arn}`,
    SK: `POINT#${timeKey(sourceTime, pointId)}`,
  }),
  pointPlace: (pointId: string): RowKey => ({ PK: `POINT#${pointId}`, SK: 'PLACE' }),
  run: (runId: RunId): RowKey => ({ PK: `RUN#${runId}`, SK: 'RUN' }),
  pack: (packId: PackId): RowKey => ({ PK: `PACK#${packId}`, SK: 'PACK' }),
  hold: (holdId: HoldId): RowKey => ({ PK: holdsPartition, SK: `HOLD#${holdId}` }),
  restore: (restoreId: string): RowKey => ({ PK: `RESTORE#${restoreId}`, SK: 'RESTORE' }),
  /** @param part - a number, or the total of all, which lies beside the first of them. */
  progress: (workId: string, part: number | 'total'): RowKey =>
    part === 'total'
      ? { PK: progressPartition(workId, 0), SK: 'TOTAL' }
      : {
          PK: progressPartition(workId, part % spread.length),
          SK: `PART#${String(part).padStart(9, '0')}`,
        },
  shared: (name: SharedName): RowKey => ({ PK: `SHARED#${name}`, SK: 'SHARED' }),
};

/** One of as many partitions as {@link spread} has digits. */
export function progressPartition(workId: string, digit: number): string {
  return `PROGRESS#${workId}#${digit.toString(16)}`;
}

/** Lists by date are spread over these partitions, one a hexadecimal digit: a single one would throttle its table. */
export const spread: readonly string[] = Array.from({ length: 16 }, (_, digit) => digit.toString(16));

export const indexKeys = {
  resource: (arn: ResourceArn) => ({ GSI1PK: 'RESOURCES', GSI1SK: arn }),
  run: (row: Pick<RunRow, 'resourceArn' | 'startedAt' | 'runId'>) => ({
    GSI1PK: `RUNS#${row.resourceArn}`,
    GSI1SK: timeKey(row.startedAt, row.runId),
    GSI2PK: 'RUNS',
    GSI2SK: timeKey(row.startedAt, row.runId),
  }),
  expiringPoint: (pointId: string, expiresAt: Date) => ({
    GSI2PK: `EXPIRE#${pointId.slice(-1)}`,
    GSI2SK: timeKey(expiresAt, pointId),
  }),
  /** Only for a held point: an item without these keys is not in the index at all. */
  heldPoint: (pointId: string) => ({ GSI1PK: 'HELD', GSI1SK: pointId }),
  duePack: (packId: string, lockUntil: Date) => ({
    GSI2PK: `SWEEP#${packId.slice(-1)}`,
    GSI2SK: timeKey(lockUntil, packId),
  }),
  damagedPack: (packId: string) => ({ GSI1PK: 'DAMAGED', GSI1SK: packId }),
  restore: (row: Pick<RestoreRow, 'startedAt' | 'restoreId'>) => ({
    GSI1PK: 'RESTORES',
    GSI1SK: timeKey(row.startedAt, row.restoreId),
  }),
};

function timeKey(time: Date, id: string): string {
  return `${time.toISOString()}#${id}`;
}

/** Sort keys of the two ends of a span of time, both included. */
export function timeKeyRange(
  range: TimeRange | undefined,
  prefix = '',
): { readonly from: string; readonly to: string } {
  return {
    // '$' follows '#', so it ends what begins with a time or a prefix; years are digits, so ':' ends all of them.
    from: prefix + (range?.from?.toISOString() ?? '+'),
    to: prefix + (range?.to === undefined ? ':' : `${range.to.toISOString()}$`),
  };
}

/**
 * Turns a kind of row into the attributes of an item and back: dates become ISO 8601 text, `holds` a string set, absent
 * fields no attribute.
 */
export interface RowCodec<Row> {
  encode(row: Partial<Row>): Item;
  decode(item: Item): Row;
}

const keyAttributes: ReadonlySet<string> = new Set(['PK', 'SK', 'GSI1PK', 'GSI1SK', 'GSI2PK', 'GSI2SK']);

const holdsAttribute = 'holds';

function rowCodec<Row extends object>(dateFields: readonly (keyof Row & string)[]): RowCodec<Row> {
  const dates: ReadonlySet<string> = new Set(dateFields);
  return {
    encode: (row) =>
      Object.fromEntries(
        Object.entries(row).flatMap(([name, value]): [string, unknown][] => {
          if (value === undefined) return [];
          if (name === holdsAttribute) return asSet(value as readonly string[]);
          return [[name, value instanceof Date ? value.toISOString() : value]];
        }),
      ),
    decode: (item) =>
      Object.fromEntries(
        Object.entries(item)
          .filter(([name]) => !keyAttributes.has(name))
          .map(([name, value]) => {
            if (value instanceof Set) return [name, [...(value as ReadonlySet<string>)].sort()];
            return [name, dates.has(name) ? new Date(String(value)) : value];
          }),
      ) as Row,
  };
}

/** An empty set is left out, as DynamoDB knows none. */
function asSet(members: readonly string[]): [string, unknown][] {
  return members.length === 0 ? [] : [[holdsAttribute, new Set(members)]];
}

export const resourceCodec: RowCodec<ResourceRow> = rowCodec(['seenAt', 'lastSourceTime']);
/** For an item that may have these fields alone. */
export const lastCodec = resourceCodec as RowCodec<LastFields>;
export const runCodec: RowCodec<RunRow> = rowCodec(['leaseUntil', 'startedAt', 'aliveUntil', 'endedAt']);
export const pointCodec: RowCodec<PointRow> = rowCodec(['sourceTime', 'committedAt', 'expiresAt']);
export const packCodec: RowCodec<PackRow> = rowCodec(['lockUntil', 'lockedUntil']);
export const restoreCodec: RowCodec<RestoreRow> = rowCodec(['startedAt', 'endedAt']);
export const holdCodec: RowCodec<HoldRow> = rowCodec(['setAt', 'releasedAt']);
