import type { VolumeBytes } from '../../../localstack/volume-bytes.ts';

const volumeBytes = 2 ** 30;
/** `writeVolume` of the demo's machine writes a line at the beginning of each of these. */
const stretchBytes = volumeBytes / 16;
const readBytes = 2 ** 22;

/**
 * Compares every byte of a volume with what `writeVolume` made of an empty one.
 * @returns the first offset, of the {@link readBytes} that were compared at once, where they differ.
 */
export async function findDifference(
  bytes: VolumeBytes,
  volumeId: string,
  text: string,
): Promise<number | undefined> {
  const wanted = Buffer.alloc(readBytes);
  for (let offset = 0; offset < volumeBytes; offset += readBytes) {
    wanted.fill(0);
    if (offset % stretchBytes === 0) wanted.write(`${text} at ${offset}\n`);
    if (!wanted.equals(await bytes.read(volumeId, offset, readBytes))) return offset;
  }
  return (await bytes.read(volumeId, volumeBytes, 1)).length === 0 ? undefined : volumeBytes;
}
