import { StoredBytesDamagedError } from '../errors.ts';
import type { Extent } from './extent.ts';
import type { VolumeEntry } from './volume-entry.ts';

/** Blocks of a volume's extent at most; no extent crosses a multiple of so many (docs/format.md, section 6). */
export const volumeExtentBlocks = 64;

/**
 * Refuses an extent that no writer makes, as its bytes would land in a wrong place.
 * @param end - of the extent before it; 0 for the first.
 * @returns its own end.
 * @throws {@link StoredBytesDamagedError} its chunks do not lie as the volume's blocks do, or it begins before `end`.
 */
export function checkVolumeExtent(
  { volume, bytes, blockBytes }: VolumeEntry,
  { offset, chunks }: Pick<Extent, 'offset' | 'chunks'>,
  end: number,
  origin: string,
): number {
  const span = volumeExtentBlocks * blockBytes;
  const lengthOf = (at: number): number => Math.min(blockBytes, bytes - offset - at * blockBytes);
  const fits =
    offset >= end &&
    offset % blockBytes === 0 &&
    (offset % span) + chunks.length * blockBytes <= span &&
    offset + (chunks.length - 1) * blockBytes < bytes &&
    chunks.every(({ plainBytes }, at) => plainBytes === lengthOf(at));
  if (!fits)
    throw new StoredBytesDamagedError(
      origin,
      `the ${chunks.length} blocks of ${volume} at byte ${offset} do not lie as blocks of ${blockBytes} in ${bytes} bytes do`,
    );
  return offset + chunks.length * blockBytes;
}
