import * as z from 'zod';
import type { VolumeEntry } from '../manifest/volume-entry.ts';
import type { PointReader } from './point-reader.ts';
import { listVolumeBlocks } from './volume-blocks.ts';

const count = z.int().nonnegative();

/** A worker's part of a volume: a stretch of it, and the blocks that are not zeros there. */
export const VolumeShard = z.object({
  index: count,
  volume: z.string(),
  from: count,
  to: count,
  blocks: count,
});
export type VolumeShard = Readonly<z.infer<typeof VolumeShard>>;

/** A plan under way, as one call leaves it to the next. */
export const VolumePlanning = z.object({
  shards: z.array(VolumeShard),
  /** Place of the next block to look at. Absent before the first. */
  at: z.object({ volume: z.string(), offset: count }).optional(),
});
export type VolumePlanning = z.infer<typeof VolumePlanning>;

/** Most blocks of a shard, and the longest stretch of a volume, in bytes. */
export interface VolumeShardLimits {
  readonly blocks: number;
  readonly bytes: number;
}

/** A GiB of blocks: some minutes of a worker's time. */
export const defaultVolumeShardLimits: VolumeShardLimits = { blocks: 2_048, bytes: Infinity };

/**
 * Cuts volumes into shards, which lie one behind the other and have all of each volume. Reads pages alone. Goes on over
 * several calls: half a second for each TiB that is in use.
 * @param volumes - in the order of their ids.
 * @param shouldStop - asked between shards but before the first of a call.
 */
export async function planVolumeShards(
  reader: PointReader,
  volumes: readonly VolumeEntry[],
  limits: VolumeShardLimits,
  {
    shouldStop,
    before,
    signal,
  }: { shouldStop?: () => boolean; before?: VolumePlanning; signal?: AbortSignal },
): Promise<{ readonly done: boolean; readonly planning: VolumePlanning }> {
  const shards = [...(before?.shards ?? [])];
  const { at } = before ?? {};
  let isFirst = true;
  for (const volume of volumes) {
    if (at !== undefined && volume.volume < at.volume) continue;
    let from = at !== undefined && volume.volume === at.volume ? at.offset : 0;
    let blocks = 0;
    const close = (to: number): void => {
      shards.push({ index: shards.length, volume: volume.volume, from, to, blocks });
      [from, blocks] = [to, 0];
    };
    for await (const { offset } of listVolumeBlocks(reader, volume, { from }, signal)) {
      // A long stretch of zeros is cut as well: a parent may have blocks there.
      while (offset - from >= limits.bytes) close(from + limits.bytes);
      if (blocks === limits.blocks) {
        close(offset);
        if (!isFirst && shouldStop?.() === true)
          return { done: false, planning: { shards, at: { volume: volume.volume, offset } } };
        isFirst = false;
      }
      blocks += 1;
    }
    while (volume.bytes - from > limits.bytes) close(from + limits.bytes);
    if (blocks > 0 || from < volume.bytes) close(volume.bytes);
  }
  return { done: true, planning: { shards } };
}
