import { DiskDamagedError } from '../errors.ts';
import type { OpenFileSystemOptions } from '../file-system/file-system.ts';
import { type ByteSource, watchReads } from '../source/byte-source.ts';
import { Fields } from '../source/fields.ts';
import { checkIdentity, type IdentityPlaces } from './xfs-checks.ts';
import type { XfsFeature } from './xfs-features.ts';
import type { XfsSuperblock } from './xfs-superblock.ts';

/** Sectors at the beginning of each group that say what it has: superblock, free space, inodes, free list. */
const headerSectors = 4;

export interface MetadataUse {
  /** For messages. */
  readonly what: string;
  /** The number of its inode. */
  readonly owner: number;
  readonly places: IdentityPlaces;
}

/** Blocks of a file system, and what all who read them need to know. Blocks are counted from the disk's beginning. */
export class XfsVolume {
  readonly source: ByteSource;
  readonly superblock: XfsSuperblock;
  /** Checksums are checked, where there are some. */
  readonly verifies: boolean;

  constructor(
    source: ByteSource,
    superblock: XfsSuperblock,
    verifies: boolean,
    onRead?: OpenFileSystemOptions['onRead'],
  ) {
    this.source = watchReads(source, onRead);
    this.superblock = superblock;
    this.verifies = verifies && superblock.features.has('crc');
  }

  get blockBytes(): number {
    return this.superblock.blockBytes;
  }

  /** Blocks of metadata say what they are. */
  get isNamed(): boolean {
    return this.superblock.features.has('crc');
  }

  has(feature: XfsFeature): boolean {
    return this.superblock.features.has(feature);
  }

  /**
   * The first of some blocks by its number as it is stored, which has the group in its upper bits.
   * @throws {@link DiskDamagedError} they are not all in one group, or where it says what it has.
   */
  locateBlocks(stored: number, count: number, what: string): number {
    const { groups, groupBlocks, groupBlockBits, blocks, sectorBytes, blockBytes } = this.superblock;
    const group = Math.floor(stored / 2 ** groupBlockBits);
    const first = stored % 2 ** groupBlockBits;
    const block = group * groupBlocks + first;
    const isWithin = group < groups && first + count <= groupBlocks && block + count <= blocks;
    if (!isWithin || first * blockBytes < headerSectors * sectorBytes)
      throw new DiskDamagedError(
        `${what} names ${count} blocks from ${first} of group ${group}, where they cannot be`,
      );
    return block;
  }

  /** The place of an inode, in bytes. @throws {@link DiskDamagedError} the number cannot be one. */
  locateInode(number: number): number {
    const { inodeBits, inodeBytes } = this.superblock;
    const what = `inode ${number}`;
    if (!Number.isSafeInteger(number) || number < 1)
      throw new DiskDamagedError(`${what} is named, which cannot be`);
    const block = this.locateBlocks(Math.floor(number / 2 ** inodeBits), 1, what);
    return block * this.blockBytes + (number % 2 ** inodeBits) * inodeBytes;
  }

  /**
   * Bytes of metadata that were read at a place; of version 5, checked for being what they are.
   * @throws {@link DiskDamagedError} they are not; the message names the block.
   */
  metadata(bytes: Uint8Array, at: number, { what, owner, places }: MetadataUse): Fields {
    const block = new Fields(bytes, `block ${Math.floor(at / this.blockBytes)}, ${what},`, 'big');
    const uuid = this.superblock.metadataUuid;
    if (this.isNamed) checkIdentity(block, places, { at, owner, uuid, verify: this.verifies });
    return block;
  }
}
