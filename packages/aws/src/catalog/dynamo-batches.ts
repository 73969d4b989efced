import { BatchGetCommand, BatchWriteCommand, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { type Clock, type RandomBytes, StoreUnavailableError } from '@holdfast/engine';
import { backOff } from '../sdk/backoff.ts';
import { answerOf } from '../sdk/sdk-errors.ts';

/** DynamoDB's own limits of one call. */
export const batchGetLimit = 100;
export const batchWriteLimit = 25;

/**
 * Tries in which a throttled table did nothing: about half a minute before the caller hears of it. A table that does a part
 * each time, as one that has never been so busy, is tried for as long as it takes.
 */
const idleAttempts = 12;

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
  const pauses = new Pauses(context, 'read', options.signal);
  while (rest.length > 0) {
    await pauses.before(rest.length);
    const command = new BatchGetCommand({
      RequestItems: { [context.table]: { Keys: rest, ConsistentRead: options.consistent } },
    });
    const sent = context.dynamo.send(command, { abortSignal: options.signal });
    const answer = await answerOf(sent, `reading ${rest.length} items of table ${context.table}`);
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
  const pauses = new Pauses(context, 'written', signal);
  while (rest.length > 0) {
    await pauses.before(rest.length);
    const command = new BatchWriteCommand({ RequestItems: { [context.table]: rest } });
    const sent = context.dynamo.send(command, { abortSignal: signal });
    const answer = await answerOf(sent, `writing ${rest.length} items of table ${context.table}`);
    rest = answer.UnprocessedItems?.[context.table] ?? [];
  }
}

/** Pauses between the attempts at one batch, longer each time. */
class Pauses {
  readonly #context: BatchContext;
  readonly #done: string;
  readonly #signal: AbortSignal | undefined;
  #attempts = 0;
  #idle = 0;
  #left = Infinity;

  constructor(context: BatchContext, done: string, signal: AbortSignal | undefined) {
    this.#context = context;
    this.#done = done;
    this.#signal = signal;
  }

  /** @throws {@link StoreUnavailableError} the last {@link idleAttempts} attempts did nothing. */
  async before(left: number): Promise<void> {
    const { table, clock, random } = this.#context;
    this.#idle = left < this.#left ? 0 : this.#idle + 1;
    this.#left = left;
    if (this.#idle >= idleAttempts) {
      throw new StoreUnavailableError(
        `${left} items of table ${table} were not ${this.#done} in ${idleAttempts} attempts; try later`,
      );
    }
    if (this.#attempts > 0) await backOff(this.#attempts - 1, clock, random, this.#signal);
    this.#attempts += 1;
  }
}

export function inGroups<Member>(items: readonly Member[], size: number): Member[][] {
  const groups: Member[][] = [];
  for (let start = 0; start < items.length; start += size) groups.push(items.slice(start, start + size));
  return groups;
}
