import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import { type Fields, uuidText } from '../source/fields.ts';
import { checkCrc } from './xfs-checks.ts';
import { xfsFeaturesOf, type XfsFeature } from './xfs-features.ts';

/** The fields alone; the checksum covers the sector that they are in. */
export const leastSuperblockBytes = 264;

const crcAt = 224;
/** Those of the realtime device, and of the quotas of users, groups and, of version 5, projects. */
const ownInodesAt = [64, 72, 160, 168, 232];

/** The fields of a superblock, checked for being possible. */
export interface XfsSuperblock {
  readonly label: string;
  readonly uuid: string;
  /** The UUID in blocks of metadata, which stays when that of the file system is changed. */
  readonly metadataUuid: Uint8Array;
  readonly version: 4 | 5;
  readonly features: ReadonlySet<XfsFeature>;
  readonly blockBytes: number;
  readonly blocks: number;
  readonly groups: number;
  readonly groupBlocks: number;
  /** Bits of a number of a block that count within its group. */
  readonly groupBlockBits: number;
  readonly sectorBytes: number;
  readonly inodeBytes: number;
  /** Bits of a number of an inode that count within its block. */
  readonly inodeBits: number;
  readonly directoryBlockBytes: number;
  readonly rootInode: number;
  readonly realtimeBlocks: number;
  /** Inodes that the file system has for itself. */
  readonly ownInodes: readonly number[];
  /** Its first block, 0 if it is on a device of its own, and how many it has. */
  readonly log: { readonly start: number; readonly blocks: number };
}

/**
 * @param fields - the sector that the file system begins with.
 * @throws {@link DiskDamagedError} it says what cannot be.
 * @throws {@link DiskUnsupportedError} it has a feature without which it would be misread.
 */
export function parseXfsSuperblock(
  fields: Fields,
  options: { readonly verify: boolean; readonly isCopy: boolean },
): XfsSuperblock {
  if (!fields.has(0, 'XFSB')) throw damaged('has no magic number', fields.u32(0));
  const masks = {
    version: fields.u16(100),
    second: fields.u32(200),
    readOnly: fields.u32(212),
    incompatible: fields.u32(216),
  };
  const version = masks.version & 0xf;
  if (version !== 4 && version !== 5) throw new DiskUnsupportedError(`XFS version ${version}`);
  const { names: features, unknown } = xfsFeaturesOf(masks);
  if (unknown.length > 0) throw new DiskUnsupportedError(`XFS version ${version} with ${unknown.join(', ')}`);
  if (options.verify && features.has('crc')) checkCrc(fields, crcAt);
  // Copies are written before the file system is finished, and not again.
  if (!options.isCopy && fields.u8(126) !== 0)
    throw damaged('says that it is still being made', fields.u8(126));

  const blockBytes = powerOfTwo('block size', fields.u32(4), fields.u8(120), 512, 65536);
  const inodeBytes = powerOfTwo('inode size', fields.u16(104), fields.u8(122), 256, 2048);
  const groupBlocks = within('size of a group', fields.u32(84), 16, 2 ** 31);
  const groupBlockBits = within('logarithm of that', fields.u8(124), Math.ceil(Math.log2(groupBlocks)), 31);
  const groups = within('count of groups', fields.u32(88), 1, 2 ** 32);
  const blocks = within(
    'count of blocks',
    fields.u64(8),
    (groups - 1) * groupBlocks + 1,
    Math.min(groups * groupBlocks, Number.MAX_SAFE_INTEGER / blockBytes),
  );
  const directoryBits = within('size of blocks of directories', fields.u8(120) + fields.u8(192), 9, 16);
  return {
    label: fields.text(108, 12),
    uuid: uuidText(fields.slice(32, 16)),
    metadataUuid: new Uint8Array(fields.slice(features.has('meta_uuid') ? 248 : 32, 16)),
    version,
    features,
    blockBytes,
    blocks,
    groups,
    groupBlocks,
    groupBlockBits,
    sectorBytes: powerOfTwo('sector size', fields.u16(102), fields.u8(121), 512, 32768),
    inodeBytes,
    inodeBits: within('count of inodes in a block', Math.log2(blockBytes / inodeBytes), 0, 8),
    directoryBlockBytes: 2 ** directoryBits,
    rootInode: fields.u64(56),
    realtimeBlocks: fields.u64(16),
    ownInodes: ownInodesAt.filter((at) => version === 5 || at < 200).map((at) => Number(fields.big64(at))),
    log: { start: fields.u64(48), blocks: fields.u32(96) },
  };
}

function damaged(what: string, value: number): DiskDamagedError {
  return new DiskDamagedError(`the superblock ${what} (${value})`);
}

function within(what: string, value: number, least: number, most: number): number {
  if (value < least || value > most) throw damaged(`has an impossible ${what}`, value);
  return value;
}

/** A size that is also there as its logarithm. */
function powerOfTwo(what: string, value: number, log: number, least: number, most: number): number {
  if (value !== 2 ** log) throw damaged(`has an impossible ${what}`, value);
  return within(what, value, least, most);
}
