import { DiskDamagedError } from '../errors.ts';
import { type ByteSource, watchReads } from '../source/byte-source.ts';
import type { OpenFileSystemOptions } from '../file-system/file-system.ts';
import { Fields } from '../source/fields.ts';
import type { ExtFeature } from './ext-features.ts';
import type { ExtSuperblock } from './ext-superblock.ts';

/** Blocks of a file system by their numbers, and what all who read them need to know. */
export class ExtVolume {
  /** Reads of it are told of, as they are for a node; those of {@link basis} are not. */
  readonly source: ByteSource;
  readonly basis: ByteSource;
  readonly superblock: ExtSuperblock;
  /** Checksums are checked, where there are any. */
  readonly verifies: boolean;
  /** Damage that copies made good, found so far. */
  readonly madeGood = new Set<string>();
  readonly onTable: OpenFileSystemOptions['onTable'];

  constructor(
    source: ByteSource,
    superblock: ExtSuperblock,
    verifies: boolean,
    { onRead, onTable }: Pick<OpenFileSystemOptions, 'onRead' | 'onTable'> = {},
  ) {
    this.source = watchReads(source, onRead);
    this.basis = source;
    this.onTable = onTable;
    this.superblock = superblock;
    this.verifies = verifies;
  }

  /** Checksums of all metadata are checked, those of group descriptors and values of attributes aside. */
  get verifiesMetadata(): boolean {
    return this.verifies && this.has('metadata_csum');
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

  checkChecksum(what: string, computed: number, stored: number): void {
    if (computed !== stored)
      throw new DiskDamagedError(
        `${what} does not have its checksum: 0x${stored.toString(16)} instead of 0x${computed.toString(16)}`,
      );
  }
}

export function littleEndian32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}
