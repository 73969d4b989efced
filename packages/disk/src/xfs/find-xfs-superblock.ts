import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { Fields } from '../source/fields.ts';
import { parseXfsSuperblock, leastSuperblockBytes, type XfsSuperblock } from './xfs-superblock.ts';

/** `mkfs.xfs` makes so many groups on a disk below 4 TiB. */
const usualGroups = 4;
const usualBlockBytes = 4096;

interface FoundXfsSuperblock {
  readonly superblock: XfsSuperblock;
  /** The damage of the first one, and the group whose copy took its place. */
  readonly copy: { readonly damage: DiskDamagedError; readonly group: number } | undefined;
}

/**
 * The superblock, or a copy, which each group begins with.
 * @throws {@link DiskDamagedError} that of the first one: no copy is where it would be.
 */
export async function findXfsSuperblock(
  source: ByteSource,
  { verify, signal }: { readonly verify: boolean; readonly signal: AbortSignal | undefined },
): Promise<FoundXfsSuperblock> {
  let first: Fields | undefined;
  try {
    first = await readSector(source, 0, signal);
    return { superblock: parseXfsSuperblock(first, { verify, isCopy: false }), copy: undefined };
  } catch (error) {
    if (!(error instanceof DiskDamagedError)) throw error;
    const copy = await findXfsCopy(source, first, signal);
    if (copy === undefined) throw error;
    return { superblock: copy.superblock, copy: { damage: error, group: copy.group } };
  }
}

/**
 * A copy that has its checksum, if it is of a kind that has one, and says that it is where it is.
 * @param first - the damaged one, whose sizes may be right all the same.
 */
export async function findXfsCopy(
  source: ByteSource,
  first: Fields | undefined,
  signal: AbortSignal | undefined,
): Promise<{ readonly superblock: XfsSuperblock; readonly group: number } | undefined> {
  for (const { group, groupBytes } of placesOf(source, first)) {
    const at = group * groupBytes;
    if (at + leastSuperblockBytes > source.bytes) continue;
    try {
      const fields = await readSector(source, at, signal);
      if (!fields.has(0, 'XFSB')) continue;
      const superblock = parseXfsSuperblock(fields, { verify: true, isCopy: true });
      if (superblock.groupBlocks * superblock.blockBytes === groupBytes) return { superblock, group };
    } catch (error) {
      if (!(error instanceof DiskDamagedError || error instanceof DiskUnsupportedError)) throw error;
    }
  }
  return undefined;
}

function placesOf(
  source: ByteSource,
  first: Fields | undefined,
): { readonly group: number; readonly groupBytes: number }[] {
  const blocks = Math.floor(source.bytes / usualBlockBytes);
  const sizes = [Math.floor(blocks / usualGroups), Math.ceil(blocks / usualGroups)].map((groupBlocks) => ({
    groupBytes: groupBlocks * usualBlockBytes,
    groups: usualGroups,
  }));
  if (first !== undefined) sizes.unshift({ groupBytes: first.u32(4) * first.u32(84), groups: first.u32(88) });
  return sizes
    .filter(({ groupBytes }) => groupBytes > 0)
    .flatMap(({ groupBytes, groups }) => {
      // `mkfs.xfs` writes where the root is to these two alone; whoever makes a file system larger, to all.
      const tried = new Set([Math.floor((groups - 1) / 2), groups - 1, 1, 2]);
      return [...tried].filter((group) => group > 0).map((group) => ({ group, groupBytes }));
    });
}

/** The sector of a superblock, which it says the size of itself. */
async function readSector(source: ByteSource, at: number, signal: AbortSignal | undefined): Promise<Fields> {
  const read = async (length: number): Promise<Fields> =>
    new Fields(await source.read(at, Math.min(length, source.bytes - at), signal), 'the superblock', 'big');
  const sectorBytes = (await read(leastSuperblockBytes)).u16(102);
  return read(Math.max(leastSuperblockBytes, sectorBytes));
}
