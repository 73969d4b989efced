import { getJson, groupShards, runPrefix, type RunId, utf8, type WorkStore } from '@holdfast/engine';
import * as z from 'zod';

/** Reference to a list in the work bucket, as a map reads it. */
interface WrittenList {
  readonly bucket: string;
  readonly key: string;
  readonly count: number;
}

export interface ShardLists {
  readonly shards: WrittenList;
  /** Groups in which the shards are joined side by side; an empty list when they are few. */
  readonly groups: WrittenList;
}

/**
 * Writes down the shards of a run. Attempts may cut the source differently. The first one's list stands: the map reads
 * it, the commit counts it.
 */
export async function settleShardLists(
  { work, workBucket }: { readonly work: WorkStore; readonly workBucket: string },
  runId: RunId,
  shards: readonly unknown[],
): Promise<ShardLists> {
  const settle = async (name: string, items: readonly unknown[]): Promise<WrittenList> => {
    const key = `${runPrefix(runId)}${name}.json`;
    const outcome = await work.putNew(key, utf8(JSON.stringify(items)));
    const settled = outcome === 'written' ? items : await getJson(work, key, z.array(z.unknown()));
    return { bucket: workBucket, key, count: settled.length };
  };
  const settled = await settle('shards', shards);
  return { shards: settled, groups: await settle('groups', groupShards(settled.count)) };
}
