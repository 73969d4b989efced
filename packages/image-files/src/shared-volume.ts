import type { ByteSource } from '@holdfast/disk';
import {
  type ChunkId,
  listVolumeBlocks,
  type PointReader,
  type PointVolume,
  readBlocks,
} from '@holdfast/engine';
import { knownAsLost } from './file-system-errors.ts';

/** Blocks of 512 KiB that are kept, by their content, for all points that are searched: 128 MiB. */
const mostBlocks = 256;

/** Blocks of volumes by their content. Points of a resource have most of them in common. */
export class SharedBlocks {
  readonly #kept = new Map<ChunkId, Uint8Array>();
  /** Blocks that were read out of the vault so far. */
  reads = 0;

  find(id: ChunkId): Uint8Array | undefined {
    const bytes = this.#kept.get(id);
    if (bytes === undefined) return undefined;
    this.#kept.delete(id);
    this.#kept.set(id, bytes);
    return bytes;
  }

  put(id: ChunkId, bytes: Uint8Array): void {
    this.reads += 1;
    // A copy: what was read may be a part of something larger.
    this.#kept.set(id, new Uint8Array(bytes));
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= mostBlocks) break;
      this.#kept.delete(oldest);
    }
  }
}

/** A volume of a point as a source: a block that any point had read is not read again while it is kept. */
export function sharedVolume(
  reader: PointReader,
  volume: PointVolume,
  blocks: SharedBlocks,
  signal?: AbortSignal,
): ByteSource {
  const { bytes, blockBytes } = volume;
  return {
    bytes,
    read: knownAsLost(async (offset, length) => {
      const range = {
        from: Math.floor(offset / blockBytes) * blockBytes,
        to: Math.min(bytes, Math.ceil((offset + length) / blockBytes) * blockBytes),
      };
      const there = new Map<number, Uint8Array>();
      for await (const block of listVolumeBlocks(reader, volume, range, signal)) {
        const kept = blocks.find(block.id);
        if (kept !== undefined) there.set(block.offset, kept);
      }
      const isWanted = (block: { readonly offset: number }): boolean => !there.has(block.offset);
      for await (const { block, bytes: content } of readBlocks(reader, volume, { range, isWanted, signal })) {
        blocks.put(block.id, content);
        there.set(block.offset, content);
      }
      // Blocks that are not listed are zeros.
      const whole = new Uint8Array(length);
      for (const [at, content] of there) {
        const before = Math.max(0, offset - at);
        whole.set(content.subarray(before, length - (at - offset)), Math.max(0, at - offset));
      }
      return whole;
    }),
  };
}
