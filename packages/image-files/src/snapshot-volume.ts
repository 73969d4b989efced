import type { ByteSource } from '@holdfast/disk';
import { BlockReader, type BlockSource, mapConcurrent } from '@holdfast/engine';
import { copyInto } from './copy-into.ts';

/** Pages of a snapshot's list that are kept, of 10,000 tokens each: 40 GiB of blocks that were written. */
const keptPages = 8;
const blocksAtOnce = 4;

/** Blocks that need not be read again, by their place in the volume. */
export interface KeptBlocks {
  find(index: number): Uint8Array | undefined;
  put(index: number, bytes: Uint8Array): void;
}

export interface SnapshotVolumeOptions {
  readonly kept?: KeptBlocks | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A snapshot in EBS as a source: only the blocks that a read needs are fetched, each checked against EBS's checksum.
 * Memory: the tokens of some pages of its list, about a mebibyte each.
 */
export async function snapshotVolume(
  blocks: BlockSource,
  snapshot: string,
  { kept, signal }: SnapshotVolumeOptions = {},
): Promise<ByteSource> {
  const reader = new BlockReader(blocks, snapshot, { pages: keptPages, signal });
  const { bytes, blockBytes } = await reader.size();
  const read = async (index: number): Promise<Uint8Array | undefined> => {
    const known = kept?.find(index);
    if (known !== undefined) return known;
    const content = await reader.find({ index });
    if (content !== undefined) kept?.put(index, content.bytes);
    return content?.bytes;
  };
  return {
    bytes,
    read: async (offset, length) => {
      const whole = new Uint8Array(length);
      const first = Math.floor(offset / blockBytes);
      const indexes = Array.from(
        { length: Math.ceil((offset + length) / blockBytes) - first },
        (_, index) => first + index,
      );
      const contents = mapConcurrent(indexes, blocksAtOnce, async (index) => ({
        at: index * blockBytes - offset,
        content: await read(index),
      }));
      // Blocks that are not listed are zeros.
      for await (const { at, content } of contents) if (content !== undefined) copyInto(whole, at, content);
      return whole;
    },
  };
}
