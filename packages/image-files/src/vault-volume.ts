import type { ByteSource } from '@holdfast/disk';
import { type PointReader, type PointVolume, VolumeBlocks } from '@holdfast/engine';
import { copyInto } from './copy-into.ts';
import { knownAsLost } from './file-system-errors.ts';

/** Blocks that need not be read from the vault, by what they are. */
export interface BlocksById {
  find(id: string): Uint8Array | undefined;
  put(id: string, bytes: Uint8Array): void;
}

/** A volume of a point as a source: only the blocks that a read needs are fetched, each checked against its id. */
export function vaultVolume(
  reader: PointReader,
  volume: PointVolume,
  {
    kept,
    signal,
  }: { readonly kept?: BlocksById | undefined; readonly signal?: AbortSignal | undefined } = {},
): ByteSource {
  const { bytes, blockBytes } = volume;
  const blocks = new VolumeBlocks(reader, volume);
  return {
    bytes,
    read: knownAsLost(async (offset, length) => {
      const there: { readonly at: number; readonly content: Uint8Array }[] = [];
      const isWanted = (block: { readonly id: string; readonly offset: number }): boolean => {
        const content = kept?.find(block.id);
        if (content !== undefined) there.push({ at: block.offset - offset, content });
        return content === undefined;
      };
      const range = {
        from: Math.floor(offset / blockBytes) * blockBytes,
        to: Math.min(bytes, Math.ceil((offset + length) / blockBytes) * blockBytes),
      };
      for await (const { block, bytes: content } of blocks.read(range, isWanted, signal)) {
        kept?.put(block.id, content);
        there.push({ at: block.offset - offset, content });
      }
      const [only] = there;
      if (only?.at === 0 && only.content.length === length) return only.content;
      // Blocks that are not listed are zeros.
      const whole = new Uint8Array(length);
      for (const { at, content } of there) copyInto(whole, at, content);
      return whole;
    }),
  };
}
