import { addCrc32c } from '../checksums/crc32.ts';
import { DiskDamagedError } from '../errors.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { Fields } from '../source/fields.ts';
import type { ExtFeature } from './ext-features.ts';
import type { ExtSuperblock } from './ext-superblock.ts';

/** Blocks of a file system by their numbers, and what all who read them need to know. */
export class ExtVolume {
  readonly source: ByteSource;
  readonly superblock: ExtSuperblock;
  /** Checksums of metadata are checked. */
  readonly verifies: boolean;

  constructor(source: ByteSource, superblock: ExtSuperblock, verifies: boolean) {
    this.source = source;
    this.superblock = superblock;
    this.verifies = verifies && superblock.features.has('metadata_csum');
  }

  get blockBytes(): number {
    return this.superblock.blockBytes;
  }

  has(feature: ExtFeature): boolean {
    return this.superblock.features.has(feature);
  }

  /** @param what - the block's use, for the message. */
  async readBlock(block: number, what: string, signal?: AbortSignal): Promise<Fields> {
    this.checkBlocks(block, 1, what);
    return new Fields(await this.source.read(block * this.blockBytes, this.blockBytes, signal), what);
  }

  /** @throws {@link DiskDamagedError} blocks are outside of the file system, or where its superblock is. */
  checkBlocks(from: number, count: number, what: string): void {
    const { blocks, firstDataBlock } = this.superblock;
    if (from <= firstDataBlock || from + count > blocks)
      throw new DiskDamagedError(`${what} names block ${from + count - 1} of a file system of ${blocks}`);
  }

  /** The place at which a group's inodes begin, in bytes. */
  async inodeTable(group: number, signal?: AbortSignal): Promise<number> {
    const { descriptorBytes, inodesPerGroup, inodeBytes, checksumSeed } = this.superblock;
    const what = `descriptor of group ${group}`;
    const perBlock = this.blockBytes / descriptorBytes;
    const at =
      this.#descriptorBlock(Math.floor(group / perBlock), perBlock) * this.blockBytes +
      (group % perBlock) * descriptorBytes;
    const fields = new Fields(await this.source.read(at, descriptorBytes, signal), what);
    if (this.verifies) {
      const copy = new Uint8Array(fields.bytes);
      copy.fill(0, 0x1e, 0x20);
      const computed = addCrc32c(addCrc32c(checksumSeed, littleEndian32(group)), copy) & 0xffff;
      this.checkChecksum(what, computed, fields.u16(0x1e));
    }
    const table = fields.wide(fields.u32(0x8), descriptorBytes > 32 ? fields.u32(0x28) : 0);
    this.checkBlocks(table, Math.ceil((inodesPerGroup * inodeBytes) / this.blockBytes), what);
    return table * this.blockBytes;
  }

  checkChecksum(what: string, computed: number, stored: number): void {
    if (computed !== stored)
      throw new DiskDamagedError(
        `${what} does not have its checksum: 0x${stored.toString(16)} instead of 0x${computed.toString(16)}`,
      );
  }

  /** The block with the descriptors of the `index`th so many groups. */
  #descriptorBlock(index: number, perBlock: number): number {
    const { firstMetaGroup, firstDataBlock, blocksPerGroup } = this.superblock;
    // With blocks of 1 KiB, the superblock fills the second one.
    const ofSuperblock = this.blockBytes === 1024 ? 1 : 0;
    if (index < firstMetaGroup || index === 0) return ofSuperblock + 1 + index;
    const group = index * perBlock;
    return firstDataBlock + group * blocksPerGroup + (this.#hasSuperblock(group) ? 1 : 0);
  }

  #hasSuperblock(group: number): boolean {
    if (group === 0) return true;
    if (this.has('sparse_super2')) return this.superblock.backupGroups.includes(group);
    if (group === 1 || !this.has('sparse_super')) return true;
    return [3, 5, 7].some((base) => {
      let power = base;
      while (power < group) power *= base;
      return power === group;
    });
  }
}

export function littleEndian32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}
