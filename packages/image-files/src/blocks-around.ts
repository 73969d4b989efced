import type { PointVolume } from '@holdfast/engine';

/** The stretch of a volume that has whole blocks, and in which some bytes lie. */
export function blocksAround(
  { bytes, blockBytes }: Pick<PointVolume, 'bytes' | 'blockBytes'>,
  offset: number,
  length: number,
): { readonly from: number; readonly to: number } {
  return {
    from: Math.floor(offset / blockBytes) * blockBytes,
    to: Math.min(bytes, Math.ceil((offset + length) / blockBytes) * blockBytes),
  };
}
