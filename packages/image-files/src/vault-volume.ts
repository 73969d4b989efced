import type { ByteSource } from '@holdfast/disk';
import { type PointReader, type PointVolume, readBlocks } from '@holdfast/engine';
import { blocksAround } from './blocks-around.ts';
import { copyInto } from './copy-into.ts';
import { knownAsLost } from './file-system-errors.ts';

/** A volume of a point as a source: only the blocks that a read needs are fetched, each checked against its id. */
export function vaultVolume(reader: PointReader, volume: PointVolume, signal?: AbortSignal): ByteSource {
  const { bytes } = volume;
  return {
    bytes,
    read: knownAsLost(async (offset, length) => {
      const range = blocksAround(volume, offset, length);
      // Blocks that are not listed are zeros.
      const whole = new Uint8Array(length);
      for await (const { block, bytes: content } of readBlocks(reader, volume, { range, signal })) {
        copyInto(whole, block.offset - offset, content);
      }
      return whole;
    }),
  };
}
