import { addCrc32c } from '../checksums/crc32.ts';
import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import { Fields, uuidText } from '../source/fields.ts';
import { type ExtFeature, featuresOf } from './ext-features.ts';

export const superblockAt = 1024;
export const superblockBytes = 1024;
const magic = 0xef53;
const crc32cType = 1;

/** The fields of a superblock, checked for being possible. */
export interface ExtSuperblock {
  readonly type: 'ext2' | 'ext3' | 'ext4';
  readonly label: string;
  readonly uuid: string;
  readonly uuidBytes: Uint8Array;
  readonly mountedAt: string;
  readonly blockBytes: number;
  readonly blocks: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly groups: number;
  readonly inodes: number;
  readonly inodesPerGroup: number;
  readonly inodeBytes: number;
  readonly descriptorBytes: number;
  readonly firstMetaGroup: number;
  /** The first inode that is not kept for the file system itself. */
  readonly firstFreeInode: number;
  /** Inodes beyond that one that it keeps for itself all the same: quotas, orphans. */
  readonly ownInodes: readonly number[];
  /** The inode of the journal; 0 if that is on another device. */
  readonly journalInode: number;
  /** Groups with a copy of the superblock, if only so many have one. */
  readonly backupGroups: readonly number[];
  readonly hashSeed: readonly number[];
  readonly hasUnsignedHash: boolean;
  readonly features: ReadonlySet<ExtFeature>;
  /** The group that this copy is in. */
  readonly group: number;
  /** The seed of checksums of metadata. */
  readonly checksumSeed: number;
  readonly state: { readonly clean: boolean; readonly errors: boolean; readonly orphans: boolean };
}

export function isExt(bytes: Uint8Array): boolean {
  return bytes.length >= 0x3a && new Fields(bytes, 'superblock').u16(0x38) === magic;
}

/**
 * @param bytes - the 1,024 bytes of a superblock.
 * @throws {@link DiskDamagedError} it says what cannot be.
 * @throws {@link DiskUnsupportedError} it has a feature without which it would be misread.
 */
export function parseSuperblock(bytes: Uint8Array, options: { readonly verify: boolean }): ExtSuperblock {
  const fields = new Fields(bytes, 'superblock');
  if (!isExt(bytes)) throw damaged('has no magic number', fields.u16(0x38));
  const isOld = fields.u32(0x4c) === 0;
  const { names: features, unknown } = isOld
    ? featuresOf(0, 0, 0)
    : featuresOf(fields.u32(0x5c), fields.u32(0x60), fields.u32(0x64));
  const type = typeOf(features);
  // First: a damaged mask of features must not pass for something that is not known.
  if (options.verify) verifySuperblock(fields, features);
  if (unknown.length > 0) throw new DiskUnsupportedError(`${type} with ${unknown.join(', ')}`);

  const blockBytes = 1024 * 2 ** atMost('block size', fields.u32(0x18), 6);
  const wide = features.has('64bit');
  const blocks = fields.wide(fields.u32(0x4), wide ? fields.u32(0x150) : 0);
  const firstDataBlock = atMost('first data block', fields.u32(0x14), 1);
  const clustersPerGroup = features.has('bigalloc') ? fields.u32(0x24) : fields.u32(0x20);
  within('clusters of a group', clustersPerGroup, 1, 8 * blockBytes);
  const blocksPerGroup = within('blocks of a group', fields.u32(0x20), clustersPerGroup, 2 ** 31);
  within('count of blocks', blocks, firstDataBlock + 1, Number.MAX_SAFE_INTEGER / blockBytes);
  const groups = Math.ceil((blocks - firstDataBlock) / blocksPerGroup);
  const inodesPerGroup = within('inodes of a group', fields.u32(0x28), 1, 8 * blockBytes);
  const inodes = within('count of inodes', fields.u32(0), 1, groups * inodesPerGroup);
  const inodeBytes = isOld ? 128 : powerOfTwo('inode size', fields.u16(0x58), 128, blockBytes);
  const descriptorBytes = wide ? powerOfTwo('descriptor size', fields.u16(0xfe), 64, 1024) : 32;
  const uuid = fields.slice(0x68, 16);
  const state = fields.u16(0x3a);
  return {
    type,
    label: fields.text(0x78, 16),
    uuid: uuidText(uuid),
    uuidBytes: new Uint8Array(uuid),
    mountedAt: fields.text(0x88, 64),
    blockBytes,
    blocks,
    firstDataBlock,
    blocksPerGroup,
    groups,
    inodes,
    inodesPerGroup,
    inodeBytes,
    descriptorBytes,
    firstMetaGroup: features.has('meta_bg') ? fields.u32(0x104) : Number.POSITIVE_INFINITY,
    firstFreeInode: isOld ? 11 : fields.u32(0x54),
    ownInodes: [0x240, 0x244, 0x26c, 0x280].map((at) => fields.u32(at)),
    journalInode: fields.u32(0xe0),
    backupGroups: [fields.u32(0x24c), fields.u32(0x250)],
    hashSeed: [fields.u32(0xec), fields.u32(0xf0), fields.u32(0xf4), fields.u32(0xf8)],
    hasUnsignedHash: (fields.u32(0x160) & 2) !== 0,
    features,
    group: isOld ? 0 : fields.u16(0x5a),
    checksumSeed: features.has('metadata_csum_seed') ? fields.u32(0x270) : addCrc32c(0xffffffff, uuid),
    state: {
      clean: (state & 1) !== 0,
      errors: (state & 2) !== 0,
      orphans: fields.u32(0xe8) !== 0 || features.has('orphan_present'),
    },
  };
}

function typeOf(features: ReadonlySet<ExtFeature>): ExtSuperblock['type'] {
  const isNew = (['extent', '64bit', 'flex_bg', 'huge_file', 'metadata_csum', 'inline_data'] as const).some(
    (name) => features.has(name),
  );
  if (isNew) return 'ext4';
  return features.has('has_journal') ? 'ext3' : 'ext2';
}

function verifySuperblock(fields: Fields, features: ReadonlySet<ExtFeature>): void {
  if (!features.has('metadata_csum')) return;
  if (fields.u8(0x175) !== crc32cType) throw damaged('has checksums of no known kind', fields.u8(0x175));
  const computed = addCrc32c(0xffffffff, fields.slice(0, 0x3fc));
  if (computed !== fields.u32(0x3fc)) throw damaged('does not have its checksum', fields.u32(0x3fc));
}

function damaged(what: string, value: number): DiskDamagedError {
  return new DiskDamagedError(`the superblock ${what} (${value})`);
}

function atMost(what: string, value: number, most: number): number {
  return within(what, value, 0, most);
}

function within(what: string, value: number, least: number, most: number): number {
  if (value < least || value > most) throw damaged(`has an impossible ${what}`, value);
  return value;
}

function powerOfTwo(what: string, value: number, least: number, most: number): number {
  if ((value & (value - 1)) !== 0) throw damaged(`has an impossible ${what}`, value);
  return within(what, value, least, most);
}
