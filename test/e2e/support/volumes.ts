import { createHash } from 'node:crypto';
import type { VolumeBytes } from '../../../localstack/volume-bytes.ts';

const volumeBytes = 2 ** 30;
/** `writeVolume` of the demo's machine writes a line at the beginning of each of these; behind it are zeros. */
const stretchBytes = volumeBytes / 16;

/**
 * Compares every byte of a volume with what `writeVolume` made of an empty one.
 * @returns the offset of the first stretch in which they differ.
 */
export async function findDifference(
  bytes: VolumeBytes,
  volumeId: string,
  text: string,
): Promise<number | undefined> {
  for (let offset = 0; offset < volumeBytes; offset += stretchBytes) {
    const sha256 = createHash('sha256').update(`${text} at ${offset}\n`).digest('hex');
    const found = await bytes.digest(volumeId, offset, stretchBytes);
    if (found.sha256 !== sha256 || found.length !== stretchBytes) return offset;
  }
  return (await bytes.read(volumeId, volumeBytes, 1)).length === 0 ? undefined : volumeBytes;
}
