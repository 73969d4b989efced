import { addCrc32c } from '../checksums/crc32.ts';
import { DiskDamagedError } from '../errors.ts';
import type { Nanoseconds, NodeKind } from '../file-system/file-system.ts';
import { kindOfMode } from '../file-system/node-kinds.ts';
import { Fields } from '../source/fields.ts';
import { readDescriptor } from './ext-groups.ts';
import { littleEndian32, type ExtVolume } from './ext-volume.ts';

export const rootInode = 2;

export const inodeFlags = {
  encrypted: 0x800,
  indexed: 0x1000,
  extents: 0x80000,
  attributeValue: 0x200000,
  inline: 0x10000000,
  folded: 0x40000000,
} as const;

/** An inode as it is stored, its fields taken apart. */
export interface ExtInode {
  readonly number: number;
  readonly kind: NodeKind;
  readonly mode: number;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly bytes: number;
  readonly names: number;
  readonly flags: number;
  readonly modifiedAt: Nanoseconds;
  readonly accessedAt: Nanoseconds;
  readonly changedAt: Nanoseconds;
  readonly createdAt: Nanoseconds | undefined;
  /** The 60 bytes that name the content's blocks, or are the content. */
  readonly map: Fields;
  /** Block with more extended attributes; 0 if there is none. */
  readonly attributeBlock: number;
  /** The bytes after the fields, where attributes can be. */
  readonly tail: Fields;
  /** The checksum of its content, if that is the value of an attribute: it has no time of its last access. */
  readonly valueChecksum: number;
  /** The seed of the checksums of its blocks. */
  readonly checksumSeed: number;
}

/** @throws {@link DiskDamagedError} there is no such inode, nothing uses it, or it says what cannot be. */
export async function readInode(volume: ExtVolume, number: number, signal?: AbortSignal): Promise<ExtInode> {
  const { inodes, inodesPerGroup, inodeBytes } = volume.superblock;
  const what = `inode ${number}`;
  if (!Number.isInteger(number) || number < 1 || number > inodes)
    throw new DiskDamagedError(`${what} is named, but the file system has ${inodes}`);
  const group = Math.floor((number - 1) / inodesPerGroup);
  const { inodeTable } = await readDescriptor(volume, group, signal);
  volume.onTable?.(group, inodeTable);
  const at = inodeTable * volume.blockBytes + ((number - 1) % inodesPerGroup) * inodeBytes;
  return parseInode(volume, number, new Fields(await volume.source.read(at, inodeBytes, signal), what));
}

function parseInode(volume: ExtVolume, number: number, fields: Fields): ExtInode {
  const type = fields.u16(0);
  const kind = kindOfMode(type);
  if (kind === undefined)
    throw new DiskDamagedError(
      type === 0
        ? `${fields.what} is not in use`
        : `${fields.what} is of no known type (0o${type.toString(8)})`,
    );
  const extra = fields.bytes.length > 128 ? fields.u16(0x80) : 0;
  if (extra % 4 !== 0 || 128 + extra > fields.bytes.length)
    throw new DiskDamagedError(`${fields.what} has ${extra} bytes of more fields than fit`);
  const checksumSeed = addCrc32c(
    addCrc32c(volume.superblock.checksumSeed, littleEndian32(number)),
    fields.slice(0x64, 4),
  );
  if (volume.verifiesMetadata) verifyInode(volume, fields, extra, checksumSeed);
  const time = (at: number, more: number): Nanoseconds =>
    nanoseconds(fields.i32(at), more + 4 <= 0x80 + extra ? fields.u32(more) : 0);
  return {
    number,
    kind,
    mode: type & 0o7777,
    owner: {
      uid: fields.u16(0x2) + fields.u16(0x78) * 2 ** 16,
      gid: fields.u16(0x18) + fields.u16(0x7a) * 2 ** 16,
    },
    bytes: fields.wide(fields.u32(0x4), kind === 'file' || volume.has('large_dir') ? fields.u32(0x6c) : 0),
    names: fields.u16(0x1a),
    flags: fields.u32(0x20),
    accessedAt: time(0x8, 0x8c),
    changedAt: time(0xc, 0x84),
    modifiedAt: time(0x10, 0x88),
    createdAt: 0x94 <= 0x80 + extra ? time(0x90, 0x94) : undefined,
    map: new Fields(fields.slice(0x28, 60), fields.what),
    attributeBlock: fields.wide(fields.u32(0x68), volume.has('64bit') ? fields.u16(0x76) : 0),
    tail: new Fields(fields.bytes.subarray(128 + extra), fields.what),
    valueChecksum: fields.u32(0x8),
    checksumSeed,
  };
}

/** Two bits of the second word extend the seconds, which count from 1970 and are signed; its other bits are nanoseconds. */
function nanoseconds(seconds: number, more: number): Nanoseconds {
  return (BigInt(seconds) + BigInt(more & 3) * 2n ** 32n) * 1_000_000_000n + BigInt(more >>> 2);
}

function verifyInode(volume: ExtVolume, fields: Fields, extra: number, seed: number): void {
  const copy = new Uint8Array(fields.bytes);
  const hasHigh = 0x84 <= 0x80 + extra;
  copy.fill(0, 0x7c, 0x7e);
  if (hasHigh) copy.fill(0, 0x82, 0x84);
  const computed = addCrc32c(seed, copy);
  const high = hasHigh ? fields.u16(0x82) * 2 ** 16 : 0;
  volume.checkChecksum(fields.what, hasHigh ? computed : computed & 0xffff, high + fields.u16(0x7c));
}

/** The numbers of a device; the first word has those of old kernels, the second the larger ones of today's. */
export function deviceOf({
  kind,
  map,
}: ExtInode): { readonly major: number; readonly minor: number } | undefined {
  if (kind !== 'character-device' && kind !== 'block-device') return undefined;
  const old = map.u32(0);
  if (old !== 0) return { major: (old >>> 8) & 0xff, minor: old & 0xff };
  const word = map.u32(4);
  return { major: (word >>> 8) & 0xfff, minor: (word & 0xff) | ((word >>> 12) & 0xfff00) };
}

export function hasFlag({ flags }: ExtInode, flag: keyof typeof inodeFlags): boolean {
  return (flags & inodeFlags[flag]) !== 0;
}
