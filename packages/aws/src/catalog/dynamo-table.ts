import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { CatalogConflictError, type Clock, type RandomBytes, StoreUnavailableError } from '@holdfast/engine';
import { backOff } from '../sdk/backoff.ts';
import { batchGet, batchGetLimit, inGroups, type Item } from './dynamo-batches.ts';
import type { RowKey } from './dynamo-items.ts';
import { answerOf, errorName, toEngineError } from '../sdk/sdk-errors.ts';
import { catalogIndexes, catalogKeys } from './table-schema.ts';

/**
 * Items of the first page of a list that begins with the newest: most who ask want that one alone, and a page without a
 * limit is paid for and sent with up to 1 MB of older ones. Smaller: more lists take a second request.
 */
const newestItems = 50;

/** Tries of a write that meets another transaction on the same row. */
const conflictAttempts = 10;

export interface ItemChange {
  readonly key: RowKey;
  readonly set?: Item;
  readonly remove?: readonly string[];
  /** Members to be added to string sets; a set that is absent is made. */
  readonly add?: Readonly<Record<string, ReadonlySet<string>>>;
  /** Members to be taken from string sets; the attribute goes with the last one, as DynamoDB knows no empty set. */
  readonly take?: Readonly<Record<string, ReadonlySet<string>>>;
  /** Condition expression, with attributes as `#name` and values as `:name`. */
  readonly when?: string;
  readonly values?: Item;
}

type Condition = Pick<ItemChange, 'when' | 'values'>;

export type WriteVerdict = 'done' | 'refused';

type TransactItem = NonNullable<TransactWriteCommandInput['TransactItems']>[number];

/** One DynamoDB table with keys PK and SK: reads are strongly consistent, conditions are verdicts, lists are paged. */
export class DynamoTable {
  readonly #dynamo: DynamoDBDocumentClient;
  readonly #table: string;
  readonly #clock: Clock;
  readonly #random: RandomBytes;

  constructor(dynamo: DynamoDBDocumentClient, table: string, clock: Clock, random: RandomBytes) {
    this.#dynamo = dynamo;
    this.#table = table;
    this.#clock = clock;
    this.#random = random;
  }

  async find(key: RowKey): Promise<Item | undefined> {
    const command = new GetCommand({ TableName: this.#table, Key: key, ConsistentRead: true });
    return (await answerOf(this.#dynamo.send(command), `reading row ${key.PK}`)).Item;
  }

  /** Finds those items that exist, in no order; the keys have to be all different. */
  async findAll(keys: readonly RowKey[]): Promise<Item[]> {
    const context = { dynamo: this.#dynamo, table: this.#table, clock: this.#clock, random: this.#random };
    const found: Item[] = [];
    for (const group of inGroups(keys, batchGetLimit)) {
      found.push(
        ...(await batchGet(
          context,
          group.map((key) => ({ ...key })),
          { consistent: true },
        )),
      );
    }
    return found;
  }

  put(item: Item & RowKey, condition: Condition = {}): Promise<WriteVerdict> {
    const write = this.putAction(item, condition).Put;
    return this.#verdict(() => this.#dynamo.send(new PutCommand(write)), `writing row ${item.PK}`);
  }

  /** Changes attributes of an item, which need not exist. @returns the item after the change. */
  async update(change: ItemChange): Promise<Item | 'refused'> {
    const write = new UpdateCommand({ ...this.updateAction(change).Update, ReturnValues: 'ALL_NEW' });
    const answer = await this.#write(() => this.#dynamo.send(write), `changing row ${change.key.PK}`);
    return answer === 'refused' ? answer : (answer.Attributes ?? {});
  }

  /** Deletes an item, which need not exist. */
  remove(key: RowKey, condition: Condition = {}): Promise<WriteVerdict> {
    const write = this.removeAction({ key, ...condition }).Delete;
    return this.#verdict(() => this.#dynamo.send(new DeleteCommand(write)), `removing row ${key.PK}`);
  }

  /** Does all of the actions or none; `refused` when a condition does not hold. */
  transact(actions: readonly TransactItem[], what: string): Promise<WriteVerdict> {
    const command = new TransactWriteCommand({ TransactItems: [...actions] });
    return this.#verdict(() => this.#dynamo.send(command), what);
  }

  putAction(item: Item & RowKey, condition: Condition = {}) {
    return { Put: { TableName: this.#table, Item: item, ...expressions({ key: item, ...condition }) } };
  }

  updateAction(change: ItemChange) {
    const assignments = Object.keys(change.set ?? {}).map((name) => `#${name} = :set_${name}`);
    const removals = (change.remove ?? []).map((name) => `#${name}`);
    const additions = Object.keys(change.add ?? {}).map((name) => `#${name} :add_${name}`);
    const takings = Object.keys(change.take ?? {}).map((name) => `#${name} :take_${name}`);
    const clauses = [
      ...(assignments.length > 0 ? [`SET ${assignments.join(', ')}`] : []),
      ...(removals.length > 0 ? [`REMOVE ${removals.join(', ')}`] : []),
      ...(additions.length > 0 ? [`ADD ${additions.join(', ')}`] : []),
      ...(takings.length > 0 ? [`DELETE ${takings.join(', ')}`] : []),
    ];
    return {
      Update: {
        TableName: this.#table,
        Key: change.key,
        UpdateExpression: clauses.join(' '),
        ...expressions(change),
      },
    };
  }

  removeAction(change: Pick<ItemChange, 'key'> & Condition) {
    return { Delete: { TableName: this.#table, Key: change.key, ...expressions(change) } };
  }

  /** Lists items of one partition by sort key. From an index, a write of the last second may be missing. */
  async *query(query: {
    readonly index?: keyof typeof catalogIndexes;
    readonly partition: string;
    readonly from: string;
    readonly to: string;
    readonly newestFirst?: boolean;
  }): AsyncIterable<Item> {
    // DynamoDB refuses such a span.
    if (query.from > query.to) return;
    const keys = query.index === undefined ? catalogKeys : catalogIndexes[query.index];
    let start: Item | undefined;
    do {
      const command: QueryCommand = new QueryCommand({
        TableName: this.#table,
        IndexName: query.index,
        KeyConditionExpression: '#partition = :partition AND #sort BETWEEN :from AND :to',
        ExpressionAttributeNames: { '#partition': keys.partition, '#sort': keys.sort },
        ExpressionAttributeValues: { ':partition': query.partition, ':from': query.from, ':to': query.to },
        ScanIndexForward: query.newestFirst !== true,
        ConsistentRead: query.index === undefined,
        ExclusiveStartKey: start,
        Limit: query.newestFirst === true && start === undefined ? newestItems : undefined,
      });
      const page = await answerOf(this.#dynamo.send(command), `listing rows ${query.partition}`);
      yield* page.Items ?? [];
      start = page.LastEvaluatedKey;
    } while (start !== undefined);
  }

  async #verdict(write: () => Promise<unknown>, what: string): Promise<WriteVerdict> {
    return (await this.#write(write, what)) === 'refused' ? 'refused' : 'done';
  }

  async #write<Answer>(write: () => Promise<Answer>, what: string): Promise<Answer | 'refused'> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await write();
      } catch (error) {
        if (errorName(error) === 'ConditionalCheckFailedException') return 'refused';
        const codes = cancellationCodes(error);
        if (codes.includes('ConditionalCheckFailed')) return 'refused';
        if (codes.some((code) => code === 'ThrottlingError' || code === 'ProvisionedThroughputExceeded')) {
          throw new StoreUnavailableError(`${what} was throttled; try again later`, { cause: error });
        }
        const conflicted =
          errorName(error) === 'TransactionConflictException' || codes.includes('TransactionConflict');
        if (!conflicted) throw toEngineError(error, what);
        if (attempt + 1 >= conflictAttempts) {
          throw new CatalogConflictError(
            `${what} met other writers ${conflictAttempts} times; try again later`,
            {
              cause: error,
            },
          );
        }
        await backOff(attempt, this.#clock, this.#random);
      }
    }
  }
}

function expressions(change: ItemChange) {
  const mentioned = (change.when ?? '').matchAll(/#(\w+)/g);
  const names = new Set([
    ...Object.keys(change.set ?? {}),
    ...Object.keys(change.add ?? {}),
    ...Object.keys(change.take ?? {}),
    ...(change.remove ?? []),
    ...[...mentioned].map(([, name]) => name ?? ''),
  ]);
  const values = {
    ...prefixed(':set_', change.set),
    ...prefixed(':add_', change.add),
    ...prefixed(':take_', change.take),
    ...prefixed(':', change.values),
  };
  return {
    ConditionExpression: change.when,
    ...(names.size === 0
      ? {}
      : { ExpressionAttributeNames: Object.fromEntries([...names].map((name) => [`#${name}`, name])) }),
    ...(Object.keys(values).length === 0 ? {} : { ExpressionAttributeValues: values }),
  };
}

function prefixed(prefix: string, values: Item = {}): Item {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
}

function cancellationCodes(error: unknown): readonly string[] {
  if (errorName(error) !== 'TransactionCanceledException') return [];
  const reasons = (error as { readonly CancellationReasons?: readonly { readonly Code?: string }[] })
    .CancellationReasons;
  return (reasons ?? []).map((reason) => reason.Code ?? 'None');
}
