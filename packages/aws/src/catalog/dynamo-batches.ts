import { BatchGetCommand, BatchWriteCommand, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { type Clock, type RandomBytes, StoreUnavailableError } from '@holdfast/engine';
import { backOff } from '../sdk/backoff.ts';
import { toEngineError } from '../sdk/sdk-errors.ts';
import { sendOptions } from '../sdk/send-options.ts';

/** DynamoDB's own limits of one call. */
export const batchGetLimit = 100;
export const batchWriteLimit = 25;

/** Tries for what a throttled table left undone: about half a minute before the caller hears of it. */
const attempts = 12;

export interface BatchContext {
  readonly dynamo: DynamoDBDocumentClient;
  readonly table: string;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export type Item = Record<string, unknown>;

/** Reads at most {@link batchGetLimit} items by their keys; absent ones are left out. */
export async function batchGet(
  context: BatchContext,
  keys: readonly Item[],
  options: { readonly consistent: boolean; readonly signal?: AbortSignal | undefined },
): Promise<Item[]> {
  const items: Item[] = [];
  let rest = [...keys];
  for (let attempt = 0; rest.length > 0; attempt++) {
    if (attempt > 0) await pause(context, attempt, rest.length, 'read', options.signal);
    const command = new BatchGetCommand({
      RequestItems: { [context.table]: { Keys: rest, ConsistentRead: options.consistent } },
    });
    const answer = await context.dynamo.send(command, sendOptions(options.signal)).catch((error: unknown) => {
      throw toEngineError(error, `reading ${rest.length} items of table ${context.table}`);
    });
    items.push(...(answer.Responses?.[context.table] ?? []));
    rest = answer.UnprocessedKeys?.[context.table]?.Keys ?? [];
  }
  return items;
}

/** Writes at most {@link batchWriteLimit} items with different keys, replacing what is there. */
export async function batchPut(
  context: BatchContext,
  items: readonly Item[],
  signal?: AbortSignal,
): Promise<void> {
  let rest: NonNullable<BatchWriteCommand['input']['RequestItems']>[string] = items.map((item) => ({
    PutRequest: { Item: item },
  }));
  for (let attempt = 0; rest.length > 0; attempt++) {
    if (attempt > 0) await pause(context, attempt, rest.length, 'written', signal);
    const command = new BatchWriteCommand({ RequestItems: { [context.table]: rest } });
    const answer = await context.dynamo.send(command, sendOptions(signal)).catch((error: unknown) => {
      throw toEngineError(error, `writing ${rest.length} items of table ${context.table}`);
    });
    rest = answer.UnprocessedItems?.[context.table] ?? [];
  }
}

async function pause(
  { table, clock, random }: BatchContext,
  attempt: number,
  left: number,
  done: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (attempt >= attempts) {
    throw new StoreUnavailableError(
      `${left} items of table ${table} were not ${done} in ${attempts} attempts; try later`,
    );
  }
  await backOff(attempt - 1, clock, random, signal);
}

export function inGroups<Member>(items: readonly Member[], size: number): Member[][] {
  const groups: Member[][] = [];
  for (let start = 0; start < items.length; start += size) groups.push(items.slice(start, start + size));
  return groups;
}
