import { detectContent } from '../detect/detect-content.ts';
import { DiskBytesLostError, DiskDamagedError } from '../errors.ts';
import { type ByteSource, sliceOf } from '../source/byte-source.ts';
import type { PartitionTable } from './partition.ts';
import { readGpt } from './read-gpt.ts';
import { type BootSector, readBootSector, readMbr } from './read-mbr.ts';

/**
 * The partition table of a disk.
 *
 * Which one wins, where a disk was used before and not wiped, follows from who writes what: whoever makes a file system
 * on a whole disk overwrites its first sector, while whoever partitions leaves most of what was on it. So a table in the
 * first sector is younger than a superblock behind it; and a GPT whose first sector does not say that it is there was
 * left by somebody who used the disk in another way since. It counts only where nothing else is found: then it is the
 * first sector that was lost.
 * @returns `undefined` if there is none: what is on the disk is on all of it.
 * @throws {@link DiskDamagedError} the first sector says that a GPT follows, and none can be read; or it is lost, and
 *   there is no GPT at the end.
 */
export async function readPartitionTable(
  disk: ByteSource,
  signal?: AbortSignal,
): Promise<PartitionTable | undefined> {
  let boot: BootSector | undefined;
  try {
    boot = await readBootSector(disk, signal);
  } catch (error) {
    if (!(error instanceof DiskBytesLostError)) throw error;
    const gpt = await readGpt(disk, signal);
    if (gpt === undefined) throw error;
    return gpt;
  }
  if (boot?.protects === true) {
    const gpt = await readGpt(disk, signal);
    if (gpt !== undefined) return gpt;
    if (boot.entries.length === 0)
      throw new DiskDamagedError(
        'the first sector says that a GPT follows, but neither of its headers is there',
      );
  }
  if (boot === undefined || boot.entries.length === 0) return findForgottenGpt(disk, signal);
  const table = await readMbr(disk, boot, 512, signal);
  if (await leadsSomewhere(disk, table, signal)) return table;
  // An MBR does not say how large its sectors are.
  const other = await readMbr(disk, boot, 4096, signal);
  return (await leadsSomewhere(disk, other, signal)) ? other : table;
}

async function findForgottenGpt(
  disk: ByteSource,
  signal: AbortSignal | undefined,
): Promise<PartitionTable | undefined> {
  if ((await detectContent(disk, signal)) !== undefined) return undefined;
  const gpt = await readGpt(disk, signal);
  if (gpt === undefined) return undefined;
  return {
    ...gpt,
    notices: ['the first sector does not say that a GPT follows; it was found all the same', ...gpt.notices],
  };
}

/** True if something that is known begins at one of the partitions. */
async function leadsSomewhere(
  disk: ByteSource,
  { partitions }: PartitionTable,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (const { offset, bytes } of partitions) {
    try {
      if ((await detectContent(sliceOf(disk, offset, bytes), signal)) !== undefined) return true;
    } catch (error) {
      if (!(error instanceof DiskBytesLostError)) throw error;
    }
  }
  return false;
}
