import { open } from 'node:fs/promises';

const volumeBytes = 2 ** 30;
/** `writeVolume` of the demo's machine writes a line at the beginning of each of these. */
const stretchBytes = volumeBytes / 16;
const readBytes = 2 ** 22;

/**
 * Compares every byte of a volume's file with what `writeVolume` made of an empty one.
 * @returns the first offset, of the {@link readBytes} that were compared at once, where they differ.
 */
export async function findDifference(path: string, text: string): Promise<number | undefined> {
  const file = await open(path);
  try {
    if ((await file.stat()).size !== volumeBytes) return volumeBytes;
    const found = Buffer.alloc(readBytes);
    const wanted = Buffer.alloc(readBytes);
    for (let offset = 0; offset < volumeBytes; offset += readBytes) {
      await file.read(found, 0, readBytes, offset);
      wanted.fill(0);
      if (offset % stretchBytes === 0) wanted.write(`${text} at ${offset}\n`);
      if (!found.equals(wanted)) return offset;
    }
    return undefined;
  } finally {
    await file.close();
  }
}
