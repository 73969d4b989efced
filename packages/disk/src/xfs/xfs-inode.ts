import { DiskDamagedError } from '../errors.ts';
import type { FileNode, Nanoseconds } from '../file-system/file-system.ts';
import { kindOfMode } from '../file-system/node-kinds.ts';
import { Fields } from '../source/fields.ts';
import { checkCrc, checkSame, checkUuid } from './xfs-checks.ts';
import type { XfsVolume } from './xfs-volume.ts';

const magic = 0x494e;
/** The bytes before the forks: up to version 2, and from version 3 on. */
const oldCoreBytes = 100;
const coreBytes = 176;
const flagRealtime = 0x1;
const flagsOfVersion3 = { shared: 0x2, bigTimes: 0x8, bigCounts: 0x10 } as const;
/** Big times count from there. */
const leastSeconds = -(2n ** 31n);
const second = 1_000_000_000n;

const formats = ['device', 'local', 'extents', 'btree'] as const;

/** One of the two things that an inode has: its content, or its attributes. */
export interface XfsFork {
  /** Its name, for messages. */
  readonly what: string;
  /** The number of its inode. */
  readonly owner: number;
  readonly format: (typeof formats)[number];
  /** Its bytes within the inode. */
  readonly fields: Fields;
  readonly extents: number;
}

/** An inode as it is stored, its fields taken apart. */
export interface XfsInode extends Pick<
  FileNode,
  'kind' | 'mode' | 'owner' | 'bytes' | 'names' | 'modifiedAt' | 'accessedAt' | 'changedAt' | 'createdAt'
> {
  readonly number: number;
  /** Its content is on the realtime device. */
  readonly isRealtime: boolean;
  /** Its blocks can be those of other files, and the same ones more than once; never true of a directory or link. */
  readonly isShared: boolean;
  readonly content: XfsFork;
  readonly attributes: XfsFork | undefined;
}

/** @throws {@link DiskDamagedError} there is no such inode, nothing uses it, or it says what cannot be. */
export async function readXfsInode(
  volume: XfsVolume,
  number: number,
  signal?: AbortSignal,
): Promise<XfsInode> {
  const at = volume.locateInode(number);
  const bytes = await volume.source.read(at, volume.superblock.inodeBytes, signal);
  const what = `inode ${number} in block ${Math.floor(at / volume.blockBytes)}`;
  return parseInode(volume, number, new Fields(bytes, what, 'big'));
}

function parseInode(volume: XfsVolume, number: number, fields: Fields): XfsInode {
  const { what } = fields;
  if (fields.u16(0) !== magic) throw new DiskDamagedError(`${what} has no magic number`);
  const version = fields.u8(4);
  if (volume.isNamed ? version !== 3 : version < 1 || version > 2)
    throw new DiskDamagedError(`${what} has version ${version}`);
  if (version === 3) {
    if (volume.verifies) checkCrc(fields, 100);
    checkSame(what, 'number', fields.u64(152), number);
    checkUuid(fields, 160, volume.superblock.metadataUuid);
  }
  const type = fields.u16(2);
  const kind = kindOfMode(type);
  if (kind === undefined)
    throw new DiskDamagedError(
      type === 0 ? `${what} is not in use` : `${what} is of no known type (0o${type.toString(8)})`,
    );
  const flags = version === 3 ? fields.u32(124) : 0;
  const has = (flag: keyof typeof flagsOfVersion3): boolean => (flags & flagsOfVersion3[flag]) !== 0;
  const time = has('bigTimes') ? bigTime : oldTime;
  return {
    number,
    kind,
    mode: type & 0o7777,
    owner: { uid: fields.u32(8), gid: fields.u32(12) },
    bytes: fields.u64(56),
    names: version === 1 ? fields.u16(6) : fields.u32(16),
    accessedAt: time(fields, 32),
    modifiedAt: time(fields, 40),
    changedAt: time(fields, 48),
    createdAt: version === 3 ? time(fields, 144) : undefined,
    isRealtime: kind === 'file' && (fields.u16(90) & flagRealtime) !== 0,
    isShared: kind === 'file' && has('shared'),
    ...forksOf(fields, number, has('bigCounts')),
  };
}

function forksOf(
  fields: Fields,
  owner: number,
  hasBigCounts: boolean,
): Pick<XfsInode, 'content' | 'attributes'> {
  const start = fields.u8(4) === 3 ? coreBytes : oldCoreBytes;
  const room = fields.bytes.length - start;
  const contentBytes = fields.u8(82) === 0 ? room : fields.u8(82) * 8;
  if (contentBytes > room)
    throw new DiskDamagedError(`${fields.what} has its attributes at byte ${start + contentBytes}`);
  const fork = (name: string, at: number, length: number, format: number, extents: number): XfsFork => {
    const what = `${name} of inode ${owner}`;
    const known = formats[format];
    if (known === undefined) throw new DiskDamagedError(`${what} is of no known format (${format})`);
    return { what, owner, format: known, fields: new Fields(fields.slice(at, length), what, 'big'), extents };
  };
  const [extents, attributeExtents] = hasBigCounts
    ? [fields.u64(24), fields.u32(76)]
    : [fields.u32(76), fields.u16(80)];
  return {
    content: fork('content', start, contentBytes, fields.u8(5), extents),
    attributes:
      contentBytes === room
        ? undefined
        : fork('attributes', start + contentBytes, room - contentBytes, fields.u8(83), attributeExtents),
  };
}

function oldTime(fields: Fields, at: number): Nanoseconds {
  return BigInt(fields.i32(at)) * second + BigInt(fields.u32(at + 4));
}

function bigTime(fields: Fields, at: number): Nanoseconds {
  return fields.big64(at) + leastSeconds * second;
}

/** The numbers of a device, which take 14 and 18 bits. */
export function xfsDeviceOf({
  kind,
  content,
}: XfsInode): { readonly major: number; readonly minor: number } | undefined {
  if (kind !== 'character-device' && kind !== 'block-device') return undefined;
  const number = content.fields.u32(0);
  return { major: (number >>> 18) & 0x3fff, minor: number & 0x3ffff };
}
