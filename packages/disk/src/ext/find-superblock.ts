import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { Fields } from '../source/fields.ts';
import {
  type ExtSuperblock,
  isExt,
  parseSuperblock,
  superblockAt,
  superblockBytes,
} from './ext-superblock.ts';

/** Groups that have a copy in nearly all file systems. */
const groupsTried = [1, 3, 5];
const blockSizes = [4096, 1024, 2048, 65536];

/** A superblock, and what was wrong with the first one if it is a copy. */
export interface FoundSuperblock {
  readonly superblock: ExtSuperblock;
  readonly damage: DiskDamagedError | undefined;
}

/**
 * The superblock of a file system; a copy of it, where it is damaged and there is one that is not.
 * @throws {@link DiskDamagedError} neither can be right; the error is that of the first.
 * @throws DiskUnsupportedError it has a feature without which it would be misread.
 */
export async function findSuperblock(
  source: ByteSource,
  { verify, signal }: { readonly verify: boolean; readonly signal?: AbortSignal | undefined },
): Promise<FoundSuperblock> {
  let first: Fields | undefined;
  try {
    if (source.bytes < superblockAt + superblockBytes)
      throw new DiskDamagedError(`${source.bytes} bytes are too few for a superblock`);
    first = new Fields(await source.read(superblockAt, superblockBytes, signal), 'superblock');
    return { superblock: parseSuperblock(first.bytes, { verify }), damage: undefined };
  } catch (error) {
    if (!(error instanceof DiskDamagedError)) throw error;
    const superblock = await findCopy(source, first, signal);
    if (superblock === undefined) throw error;
    return { superblock, damage: error };
  }
}

/**
 * A copy that has its checksum, if it is of a kind that has one, and says that it is where it is.
 * @param first - the damaged one, whose sizes may be right all the same.
 */
export async function findCopy(
  source: ByteSource,
  first: Fields | undefined,
  signal: AbortSignal | undefined,
): Promise<ExtSuperblock | undefined> {
  for (const { group, at } of placesOf(first)) {
    if (at + superblockBytes > source.bytes) continue;
    try {
      const bytes = await source.read(at, superblockBytes, signal);
      if (!isExt(bytes)) continue;
      const copy = parseSuperblock(bytes, { verify: true });
      if (copy.group === group && placeOf(copy.blockBytes, copy.blocksPerGroup, group) === at) return copy;
    } catch (error) {
      if (!(error instanceof DiskDamagedError || error instanceof DiskUnsupportedError)) throw error;
    }
  }
  return undefined;
}

function placesOf(first: Fields | undefined): { readonly group: number; readonly at: number }[] {
  const sizes = blockSizes.map((blockBytes) => ({ blockBytes, blocksPerGroup: 8 * blockBytes }));
  if (first !== undefined && first.u32(0x18) <= 6)
    sizes.unshift({ blockBytes: 1024 * 2 ** first.u32(0x18), blocksPerGroup: first.u32(0x20) });
  return sizes.flatMap(({ blockBytes, blocksPerGroup }) =>
    groupsTried.map((group) => ({ group, at: placeOf(blockBytes, blocksPerGroup, group) })),
  );
}

function placeOf(blockBytes: number, blocksPerGroup: number, group: number): number {
  const firstDataBlock = blockBytes === 1024 ? 1 : 0;
  return (firstDataBlock + group * blocksPerGroup) * blockBytes;
}
