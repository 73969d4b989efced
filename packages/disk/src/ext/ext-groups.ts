import { addCrc16 } from '../checksums/crc16.ts';
import { addCrc32c } from '../checksums/crc32.ts';
import { DiskDamagedError } from '../errors.ts';
import { Fields } from '../source/fields.ts';
import type { ExtSuperblock } from './ext-superblock.ts';
import { littleEndian32, type ExtVolume } from './ext-volume.ts';

const checksumAt = 0x1e;
const neverUsedFlag = 1;
/** Copies of a descriptor that are tried, where it is damaged. */
const copiesTried = 2;

/** The places of a group's own blocks, by their numbers. */
export interface GroupDescriptor {
  /** Blocks with the bits of used blocks and inodes. They are not read, and may be anywhere. */
  readonly bitmaps: readonly number[];
  readonly inodeTable: number;
  /** Inodes at the beginning of its table; those behind were never used. */
  readonly inodes: number;
}

/**
 * The descriptor of a group; a copy of it, where it is damaged and there is one that is not.
 * @throws {@link DiskDamagedError} neither can be right.
 */
export async function readDescriptor(
  volume: ExtVolume,
  group: number,
  signal?: AbortSignal,
): Promise<GroupDescriptor> {
  const perBlock = volume.blockBytes / volume.superblock.descriptorBytes;
  const index = Math.floor(group / perBlock);
  const read = async (block: number): Promise<GroupDescriptor> =>
    readAt(
      volume,
      group,
      block * volume.blockBytes + (group % perBlock) * volume.superblock.descriptorBytes,
      signal,
    );
  try {
    return await read(descriptorBlock(volume.superblock, index, perBlock));
  } catch (error) {
    if (!(error instanceof DiskDamagedError)) throw error;
    for (const block of copiesOf(volume.superblock, index)) {
      try {
        const copy = await read(block);
        volume.madeGood.add(`${error.message}; its copy in block ${block} was used`);
        return copy;
      } catch (copyError) {
        if (!(copyError instanceof DiskDamagedError)) throw copyError;
      }
    }
    throw error;
  }
}

async function readAt(
  volume: ExtVolume,
  group: number,
  at: number,
  signal: AbortSignal | undefined,
): Promise<GroupDescriptor> {
  const { descriptorBytes, inodesPerGroup, inodeBytes } = volume.superblock;
  const fields = new Fields(
    await volume.basis.read(at, descriptorBytes, signal),
    `descriptor of group ${group}`,
  );
  const isChecked = volume.verifies && (volume.has('metadata_csum') || volume.has('uninit_bg'));
  if (isChecked) volume.checkChecksum(fields.what, checksumOf(volume, group, fields), fields.u16(checksumAt));
  const place = (low: number): number =>
    fields.u32(low) + (descriptorBytes > 32 ? fields.u32(low + 0x20) * 2 ** 32 : 0);
  const inodeTable = place(0x8);
  volume.checkBlocks(inodeTable, Math.ceil((inodesPerGroup * inodeBytes) / volume.blockBytes), fields.what);
  const unused = fields.u16(0x1c) + (descriptorBytes > 32 ? fields.u16(0x32) * 2 ** 16 : 0);
  const isUnused = (fields.u16(0x12) & neverUsedFlag) !== 0;
  return {
    bitmaps: [place(0x0), place(0x4)],
    inodeTable,
    // Without a checksum, these fields mean nothing.
    inodes: !isChecked ? inodesPerGroup : isUnused ? 0 : Math.max(0, inodesPerGroup - unused),
  };
}

function checksumOf(volume: ExtVolume, group: number, { bytes }: Fields): number {
  const number = littleEndian32(group);
  const before = bytes.subarray(0, checksumAt);
  const after = bytes.subarray(checksumAt + 2);
  if (volume.has('metadata_csum')) {
    const start = addCrc32c(addCrc32c(volume.superblock.checksumSeed, number), before);
    return addCrc32c(addCrc32c(start, new Uint8Array(2)), after) & 0xffff;
  }
  return addCrc16(addCrc16(addCrc16(addCrc16(0xffff, volume.superblock.uuidBytes), number), before), after);
}

/** The block with the descriptors of the `index`th so many groups. */
export function descriptorBlock(superblock: ExtSuperblock, index: number, perBlock: number): number {
  const { firstMetaGroup, firstDataBlock, blocksPerGroup, blockBytes } = superblock;
  // With blocks of 1 KiB, the superblock fills the second one.
  const ofSuperblock = blockBytes === 1024 ? 1 : 0;
  if (index < firstMetaGroup || index === 0) return ofSuperblock + 1 + index;
  const group = index * perBlock;
  return firstDataBlock + group * blocksPerGroup + (hasSuperblock(superblock, group) ? 1 : 0);
}

function copiesOf(superblock: ExtSuperblock, index: number): number[] {
  const { firstMetaGroup, firstDataBlock, blocksPerGroup, groups } = superblock;
  if (index >= firstMetaGroup) return [];
  const copies: number[] = [];
  for (let group = 1; group < groups && copies.length < copiesTried; group += 1)
    if (hasSuperblock(superblock, group)) copies.push(firstDataBlock + group * blocksPerGroup + 1 + index);
  return copies;
}

/** True of groups that begin with a copy of the superblock. */
export function hasSuperblock({ features, backupGroups }: ExtSuperblock, group: number): boolean {
  if (group === 0) return true;
  if (features.has('sparse_super2')) return backupGroups.includes(group);
  if (group === 1 || !features.has('sparse_super')) return true;
  return [3, 5, 7].some((base) => {
    let power = base;
    while (power < group) power *= base;
    return power === group;
  });
}
