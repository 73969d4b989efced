import { DiskError } from '../errors.ts';
import type { ListedNode, OwnStretch } from '../file-system/file-system.ts';
import { Fields } from '../source/fields.ts';
import { descriptorBlock, hasSuperblock, readDescriptor } from './ext-groups.ts';
import { inodeFlags, rootInode } from './ext-inode.ts';
import type { ExtVolume } from './ext-volume.ts';

const pieceBytes = 64 * 1024;

/** Inodes that say that they have a name, in the order of the disk. What the file system has for itself is left out. */
export async function* listNamedInodes(volume: ExtVolume, signal?: AbortSignal): AsyncGenerator<ListedNode> {
  const { groups, inodesPerGroup, inodeBytes } = volume.superblock;
  const perPiece = Math.max(1, Math.floor(pieceBytes / inodeBytes));
  for (let group = 0; group < groups; group += 1) {
    try {
      const { inodeTable, inodes } = await readDescriptor(volume, group, signal);
      for (let index = 0; index < inodes; index += perPiece) {
        const count = Math.min(perPiece, inodes - index);
        const at = inodeTable * volume.blockBytes + index * inodeBytes;
        const bytes = await volume.source.read(at, count * inodeBytes, signal);
        const table = new Fields(bytes, `inodes of group ${group}`);
        for (let inode = 0; inode < count; inode += 1) {
          const id = group * inodesPerGroup + index + inode + 1;
          if (isNamed(table, inode * inodeBytes) && !isOwn(volume, id)) yield { id };
        }
      }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      yield { error };
    }
  }
}

function isNamed(table: Fields, at: number): boolean {
  const isValue = (table.u32(at + 0x20) & inodeFlags.attributeValue) !== 0;
  return table.u16(at) !== 0 && table.u16(at + 0x1a) !== 0 && !isValue;
}

function isOwn({ superblock: { firstFreeInode, ownInodes } }: ExtVolume, id: number): boolean {
  return (id < firstFreeInode && id !== rootInode) || ownInodes.includes(id);
}

/** Stretches in which the file system keeps itself: superblocks, descriptors, bitmaps and tables of inodes. */
export async function* listOwnStretches(volume: ExtVolume, signal?: AbortSignal): AsyncGenerator<OwnStretch> {
  const { superblock, blockBytes } = volume;
  const { groups, inodesPerGroup, inodeBytes, descriptorBytes, firstDataBlock, blocksPerGroup } = superblock;
  const perBlock = blockBytes / descriptorBytes;
  const one = (what: string, block: number, blocks = 1): OwnStretch => ({
    what,
    at: block * blockBytes,
    bytes: blocks * blockBytes,
  });
  for (let index = 0; index * perBlock < groups; index += 1)
    yield one('group descriptors', descriptorBlock(superblock, index, perBlock));
  for (let group = 0; group < groups; group += 1) {
    if (hasSuperblock(superblock, group)) yield one('superblock', firstDataBlock + group * blocksPerGroup);
    try {
      const { bitmaps, inodeTable } = await readDescriptor(volume, group, signal);
      for (const block of bitmaps)
        if (block < superblock.blocks) yield one(`bitmaps of group ${group}`, block);
      const blocks = Math.ceil((inodesPerGroup * inodeBytes) / blockBytes);
      yield one(`inode table of group ${group}`, inodeTable, blocks);
    } catch (error) {
      // Its damage is told of where its inodes are.
      if (!(error instanceof DiskError)) throw error;
    }
  }
}
