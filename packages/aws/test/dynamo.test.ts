import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  CatalogConflictError,
  type ChunkId,
  fromHex,
  type HoldId,
  type PackId,
  type PointId,
  type ResourceArn,
  type RunId,
  type RunRow,
  StoreUnavailableError,
} from '@holdfast/engine';
import { allOf, FakeClock, SeededRandom } from '@holdfast/engine/testing';
import { DynamoCatalog } from '../src/catalog/dynamo-catalog.ts';
import { DynamoChunkIndex } from '../src/catalog/dynamo-chunk-index.ts';
import { sdkError } from './sdk-failures.ts';

const dynamo = mockClient(DynamoDBDocumentClient);
afterAll(() => dynamo.restore());
const client = DynamoDBDocumentClient.from(
  new DynamoDBClient({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } }),
);
const location = {
  packId: 'a'.repeat(32) as PackId,
  frame: 1,
  offset: 2,
  length: 3,
  contentBytes: 9,
  start: 4,
};
const chunkId = (n: number): ChunkId => n.toString(16).padStart(64, '0') as ChunkId;
const entries = (count: number) => Array.from({ length: count }, (_, n) => ({ id: chunkId(n), location }));
let clock: FakeClock;
let index: DynamoChunkIndex;
let catalog: DynamoCatalog;

beforeEach(() => {
  dynamo.reset();
  clock = new FakeClock();
  index = new DynamoChunkIndex(client, 'chunks', clock, new SeededRandom());
  catalog = new DynamoCatalog(client, 'catalog', clock, new SeededRandom());
});

describe('the chunk index', () => {
  test('writes in batches of 25 and reads in batches of 100', async () => {
    dynamo.on(BatchWriteCommand).resolves({});
    dynamo.on(BatchGetCommand).resolves({});

    await index.put(entries(60));
    await index.find(entries(250).map((entry) => entry.id));

    expect(
      dynamo
        .commandCalls(BatchWriteCommand)
        .map((call) => call.args[0].input.RequestItems?.['chunks']?.length),
    ).toEqual([25, 25, 10]);
    const keys = dynamo
      .commandCalls(BatchGetCommand)
      .map((call) => call.args[0].input.RequestItems?.['chunks']?.Keys?.length);
    expect(keys).toEqual([100, 100, 50]);
  });

  test('repeats what a throttled table left undone, after a pause', async () => {
    const [first, second] = entries(2).map(({ id }) => ({ PutRequest: { Item: { id } } }));
    if (first === undefined || second === undefined) throw new Error('two entries were expected');
    dynamo
      .on(BatchWriteCommand)
      .resolvesOnce({ UnprocessedItems: { chunks: [second] } })
      .resolvesOnce({});

    await index.put(entries(2));

    const sent = dynamo
      .commandCalls(BatchWriteCommand)
      .map((call) => call.args[0].input.RequestItems?.['chunks']);
    expect(sent[1]).toEqual([second]);
    expect(clock.sleeps).toHaveLength(1);
  });

  test('goes on with a throttled table for as long as each attempt does something', async () => {
    let left = 25;
    dynamo.on(BatchWriteCommand).callsFake(async ({ RequestItems }: BatchWriteCommand['input']) => {
      left -= 1;
      const rest = (RequestItems?.['chunks'] ?? []).slice(1);
      return Promise.resolve({ UnprocessedItems: left === 0 ? {} : { chunks: rest } });
    });

    await index.put(entries(25));

    expect(dynamo.commandCalls(BatchWriteCommand)).toHaveLength(25);
    expect(Math.max(...clock.sleeps)).toBeLessThanOrEqual(5000);
  });

  test('gives up a table that does nothing, after pauses that grow', async () => {
    dynamo.on(BatchGetCommand).resolves({ UnprocessedKeys: { chunks: { Keys: [{ id: 'x' }] } } });

    await expect(index.find([chunkId(1)])).rejects.toBeInstanceOf(StoreUnavailableError);

    expect(clock.sleeps.length).toBeGreaterThan(5);
    expect(Math.max(...clock.sleeps)).toBeLessThanOrEqual(5000);
  });

  test('removes an item only on the condition that it names the pack, and takes a refusal as done', async () => {
    dynamo.on(DeleteCommand).rejectsOnce(sdkError('ConditionalCheckFailedException', 400)).resolves({});

    await index.remove([chunkId(1), chunkId(2)], location.packId);

    expect(dynamo.commandCalls(DeleteCommand)[1]?.args[0].input).toEqual({
      TableName: 'chunks',
      Key: { id: fromHex(chunkId(2)) },
      ConditionExpression: '#pack = :pack',
      ExpressionAttributeNames: { '#pack': 'p' },
      ExpressionAttributeValues: { ':pack': fromHex(location.packId) },
    });
  });

  test('passes a throttled removal on', async () => {
    dynamo.on(DeleteCommand).rejects(sdkError('ThrottlingException', 400));

    await expect(index.remove([chunkId(1)], location.packId)).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  test('does not take a foreign item for a location', async () => {
    dynamo.on(BatchGetCommand).resolves({ Responses: { chunks: [{ id: new Uint8Array(32), note: 'x' }] } });

    await expect(index.find([chunkId(0)])).rejects.toThrow(/not a chunk's location \(id, note\)/);
  });
});

describe('the catalog', () => {
  const pointId = 'p1' as PointId;
  beforeEach(() => {
    dynamo.on(GetCommand).resolves({ Item: { place: { PK: 'RES#x', SK: 'POINT#y' } } });
  });

  test('repeats a transaction that met another one', async () => {
    dynamo
      .on(TransactWriteCommand)
      .rejectsOnce(cancelled('None', 'TransactionConflict'))
      .rejectsOnce(cancelled('TransactionConflict'))
      .resolvesOnce({});

    await catalog.points.remove(pointId);

    expect(clock.sleeps).toHaveLength(2);
  });

  test('opens a run once when a call of the same id gets ahead between two reads', async () => {
    const row: RunRow = {
      runId: 'r' as RunId,
      resourceArn: 'arn:aws:s3:::photos' as ResourceArn,
      plan: 'daily',
      requestedType: 'full',
      type: 'full',
      leaseUntil: new Date(0),
      state: 'open',
      startedAt: new Date(0),
      aliveUntil: new Date(60_000),
    };
    const stored = JSON.parse(JSON.stringify(row)) as Record<string, unknown>;
    dynamo
      .on(GetCommand)
      .resolvesOnce({})
      .resolvesOnce({ Item: { runId: row.runId } })
      .resolvesOnce({ Item: stored });

    expect(await catalog.runs.open(row)).toEqual(row);
    expect(dynamo.commandCalls(TransactWriteCommand)).toHaveLength(0);
  });

  test('gives up after ten such meetings', async () => {
    dynamo.on(TransactWriteCommand).rejects(cancelled('TransactionConflict'));

    await expect(catalog.points.remove(pointId)).rejects.toBeInstanceOf(CatalogConflictError);
    expect(dynamo.commandCalls(TransactWriteCommand)).toHaveLength(10);
  });

  test.each([
    cancelled('ThrottlingError', 'None'),
    sdkError('ProvisionedThroughputExceededException', 400),
    sdkError('InternalServerError', 500),
  ])('passes $name on as a store that may answer later', async (error) => {
    dynamo.on(TransactWriteCommand).rejects(error);

    await expect(catalog.points.remove(pointId)).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  test('repeats a single write that met a transaction', async () => {
    const answer = { Attributes: { state: 'open' } };
    dynamo.on(UpdateCommand).rejectsOnce(sdkError('TransactionConflictException', 400)).resolves(answer);

    await catalog.runs.touch('r' as RunId, new Date(0));

    expect(dynamo.commandCalls(UpdateCommand)).toHaveLength(2);
  });

  test('gives up a hold that others change whenever it is looked at', async () => {
    dynamo.on(UpdateCommand).rejects(sdkError('ConditionalCheckFailedException', 400));
    const item = { place: { PK: 'RES#x', SK: 'POINT#y' }, holds: new Set(['h', 'i']) };
    dynamo.on(GetCommand).resolves({ Item: item });

    await expect(catalog.points.removeHold(pointId, 'h' as HoldId)).rejects.toBeInstanceOf(
      CatalogConflictError,
    );
  });

  test('goes through all pages of a list', async () => {
    dynamo
      .on(QueryCommand)
      .resolvesOnce({ Items: [{ restoreId: '1' }], LastEvaluatedKey: { PK: 'x' } })
      .resolvesOnce({ Items: [{ restoreId: '2' }] });

    const listed = await allOf(catalog.restores.list());

    expect(listed.map((row) => row.restoreId)).toEqual(['1', '2']);
    expect(dynamo.commandCalls(QueryCommand)[1]?.args[0].input.ExclusiveStartKey).toEqual({ PK: 'x' });
  });

  test('asks for few points at first, for whoever wants the newest alone, and then for all others', async () => {
    const arn = 'arn:aws:s3:::photos' as ResourceArn;
    const item = { pointId: 'a', sourceTime: '2026-01-01T00:00:00.000Z' };
    dynamo.on(QueryCommand).callsFake(async ({ ExclusiveStartKey: start }) => ({
      Items: [item],
      LastEvaluatedKey: start === undefined ? { PK: 'one' } : undefined,
    }));
    const limits = () => dynamo.commandCalls(QueryCommand).map((call) => call.args[0].input.Limit);

    for await (const _newest of catalog.points.list(arn)) break;
    expect(limits()).toEqual([50]);

    expect(await allOf(catalog.points.list(arn))).toHaveLength(2);
    expect(limits()).toEqual([50, 50, undefined]);
  });

  test('never asks for a span that ends before it begins, which DynamoDB refuses', async () => {
    dynamo.on(QueryCommand).resolves({});
    const [early, late] = [new Date('2026-01-01'), new Date('2026-02-01')];

    await allOf(catalog.restores.list({ from: late, to: early }));
    await allOf(
      catalog.points.listExpiring(
        { to: early },
        { pointId: '20260101T000000Z-000000000000000d' as PointId, expiresAt: late },
      ),
    );

    const asked = dynamo
      .commandCalls(QueryCommand)
      .map(({ args }) => args[0].input.ExpressionAttributeValues);
    expect(asked).toMatchObject([{ ':partition': 'EXPIRE#e' }, { ':partition': 'EXPIRE#f' }]);
  });
});

function cancelled(...codes: readonly string[]): Error {
  return Object.assign(sdkError('TransactionCanceledException', 400), {
    CancellationReasons: codes.map((Code) => ({ Code })),
  });
}
