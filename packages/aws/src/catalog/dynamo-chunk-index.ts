import { DeleteCommand, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import {
  type ChunkId,
  type ChunkIndex,
  type ChunkLocation,
  type Clock,
  forEachConcurrent,
  fromHex,
  InvalidInputError,
  type PackId,
  type RandomBytes,
  StoreUnavailableError,
  toHex,
} from '@holdfast/engine';
import {
  batchGet,
  batchGetLimit,
  batchPut,
  batchWriteLimit,
  type BatchContext,
  inGroups,
  type Item,
} from './dynamo-batches.ts';
import { errorName, toEngineError } from '../sdk/sdk-errors.ts';
import { chunkIndexAttributes as attributes, chunkIndexKey } from './table-schema.ts';

const idsPerCall = 1000;
/** Batches in flight: with 25 items a batch, about as much as one worker stores in a second. */
const concurrentBatches = 4;

/** Conditional deletes in flight; batches of DynamoDB know no conditions. */
const concurrentDeletes = 16;

/**
 * The chunk index as a DynamoDB table: one item a stored chunk, about 110 bytes.
 * Reads are eventually consistent, at half the price: a chunk that is not seen yet is stored once more.
 */
export class DynamoChunkIndex implements ChunkIndex {
  readonly #context: BatchContext;

  constructor(dynamo: DynamoDBDocumentClient, table: string, clock: Clock, random: RandomBytes) {
    this.#context = { dynamo, table, clock, random };
  }

  async find(ids: readonly ChunkId[], signal?: AbortSignal): Promise<ReadonlyMap<ChunkId, ChunkLocation>> {
    if (ids.length > idsPerCall) {
      throw new InvalidInputError(`${ids.length} chunk ids in one call; ask for at most ${idsPerCall}`);
    }
    signal?.throwIfAborted();
    // DynamoDB refuses a batch that names a key twice.
    const keys = [...new Set(ids)].map((id) => ({ [chunkIndexKey]: fromHex(id) }));
    const found = new Map<ChunkId, ChunkLocation>();
    await forEachConcurrent(inGroups(keys, batchGetLimit), concurrentBatches, async (group) => {
      for (const item of await batchGet(this.#context, group, { consistent: false, signal })) {
        const [id, location] = fromItem(item, this.#context.table);
        found.set(id, location);
      }
    });
    return found;
  }

  /**
   * Each chunk is one conditional delete: a write unit, whether the item goes or stays. Reading first would save the
   * unit only for an item that names another pack by now, which is rare, and cost half a read unit for every item.
   */
  async remove(ids: readonly ChunkId[], packId: PackId, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await forEachConcurrent([...new Set(ids)], concurrentDeletes, (id) =>
      this.#removeOne(id, packId, signal),
    );
  }

  async put(
    entries: readonly { readonly id: ChunkId; readonly location: ChunkLocation }[],
    signal?: AbortSignal,
  ): Promise<void> {
    signal?.throwIfAborted();
    const items = [...new Map(entries.map(({ id, location }) => [id, toItem(id, location)])).values()];
    await forEachConcurrent(inGroups(items, batchWriteLimit), concurrentBatches, (group) =>
      batchPut(this.#context, group, signal),
    );
  }

  async #removeOne(id: ChunkId, packId: PackId, signal: AbortSignal | undefined): Promise<void> {
    const command = new DeleteCommand({
      TableName: this.#context.table,
      Key: { [chunkIndexKey]: fromHex(id) },
      ConditionExpression: '#pack = :pack',
      ExpressionAttributeNames: { '#pack': attributes.packId },
      ExpressionAttributeValues: { ':pack': fromHex(packId) },
    });
    try {
      await this.#context.dynamo.send(command, { abortSignal: signal });
    } catch (error) {
      if (errorName(error) === 'ConditionalCheckFailedException') return;
      throw toEngineError(error, `removing an item of table ${this.#context.table}`);
    }
  }
}

function toItem(id: ChunkId, location: ChunkLocation): Item {
  return {
    [chunkIndexKey]: fromHex(id),
    [attributes.packId]: fromHex(location.packId),
    [attributes.frame]: location.frame,
    [attributes.offset]: location.offset,
    [attributes.length]: location.length,
    [attributes.contentBytes]: location.contentBytes,
    [attributes.start]: location.start,
  };
}

function fromItem(item: Item, table: string): [ChunkId, ChunkLocation] {
  const id = item[chunkIndexKey];
  const packId = item[attributes.packId];
  const frame = item[attributes.frame];
  const offset = item[attributes.offset];
  const length = item[attributes.length];
  const contentBytes = item[attributes.contentBytes];
  const start = item[attributes.start];
  const isWhole =
    id instanceof Uint8Array &&
    packId instanceof Uint8Array &&
    typeof frame === 'number' &&
    typeof offset === 'number' &&
    typeof length === 'number' &&
    typeof contentBytes === 'number' &&
    typeof start === 'number';
  if (!isWhole) {
    throw new StoreUnavailableError(
      `table ${table} has an item that is not a chunk's location (${Object.keys(item).join(', ')}); delete the item`,
    );
  }
  return [
    toHex(id) as ChunkId,
    { packId: toHex(packId) as PackId, frame, offset, length, contentBytes, start },
  ];
}
