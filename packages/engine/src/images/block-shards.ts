import * as z from 'zod';
import { newId } from '../bytes.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { getJson, putJson } from '../work-json.ts';

const count = z.int().nonnegative();

/** A worker's part of an image: a list of blocks of one volume, and the keys between its neighbours'. */
export const BlockShard = z.object({
  volume: z.string(),
  /** Absent for a volume that the image does not have any more: all that the base has of it goes. */
  snapshot: z.string().optional(),
  bytes: z.int().positive(),
  blockBytes: z.int().positive(),
  /** Blocks that are not listed are zeros. Otherwise the list has changes, and all else is as the base has it. */
  isWhole: z.boolean(),
  fullReason: z.string().optional(),
  /** The volume's own entry is this shard's. */
  hasEntry: z.boolean(),
  /** From inclusive, to exclusive; together the shards of a run have all keys. */
  keys: z.object({ from: z.base64().optional(), to: z.base64().optional() }),
  /** Index and token of each block, by index. Without a token it is not there any more. */
  blocks: z.array(z.union([z.tuple([count, z.string()]), z.tuple([count])])),
});
export type BlockShard = z.infer<typeof BlockShard>;

/** Reference to a shard, whose list lies in the work store: as a state machine hands it on. */
export const BlockShardReference = z.object({
  /** Place among the shards of the run, in the order of keys. */
  index: count,
  list: z.string(),
});
export type BlockShardReference = z.infer<typeof BlockShardReference>;

/** Writes a shard under a new name. @returns the name. */
export async function putBlockShard(
  { work, random }: { readonly work: WorkStore; readonly random: RandomBytes },
  prefix: string,
  shard: BlockShard,
  signal?: AbortSignal,
): Promise<string> {
  const name = `${prefix}blocks/${newId(random)}.json`;
  await putJson(work, name, shard, signal);
  return name;
}

/** @throws {@link ObjectNotFoundError} the scratch objects of the run have been swept. */
export async function getBlockShard(work: WorkStore, { list }: BlockShardReference): Promise<BlockShard> {
  return getJson(work, list, BlockShard);
}
