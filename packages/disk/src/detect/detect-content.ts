import { DiskBytesLostError, DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import { findCopy } from '../ext/find-superblock.ts';
import { isExt, parseSuperblock, superblockAt, superblockBytes } from '../ext/ext-superblock.ts';
import { bootCopiesAt, isNtfs, serialAt, serialBytes } from '../ntfs/ntfs-boot.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { findXfsCopy } from '../xfs/find-xfs-superblock.ts';
import { Fields, serialText, uuidText } from '../source/fields.ts';

/** The content of a partition, volume or whole disk. */
export interface DetectedContent {
  readonly kind:
    | 'ext'
    | 'xfs'
    | 'ntfs'
    | 'lvm'
    | 'luks'
    | 'bitlocker'
    | 'raid'
    | 'btrfs'
    | 'zfs'
    | 'swap'
    | 'fat'
    | 'exfat'
    | 'refs';
  /** As people call it, with its version where that is known: `LUKS 2`. */
  readonly name: string;
  /** As `blkid` prints it; absent where it has none, or where it is not at the beginning. */
  readonly uuid?: string;
  /** Absent where it has none, or where it is not at the beginning: that of NTFS is in a file. */
  readonly label?: string;
}

/** Bytes at a place of a source; `undefined` where it ends before. */
type Look = (at: number, length: number) => Promise<Fields | undefined>;
type Detector = (look: Look, bytes: number) => Promise<DetectedContent | undefined>;

/**
 * In this order: what wraps or joins disks comes before what is within, and before what it may have left in place; ZFS
 * after ext, which leaves labels of ZFS that was there before in place.
 */
const detectors: readonly Detector[] = [
  detectLuks,
  detectRaid,
  detectLvm,
  detectBootSector,
  detectXfs,
  detectBtrfs,
  detectExt,
  detectZfs,
  detectSwap,
  detectNtfsCopy,
  detectDamagedExt,
];

/**
 * An ext or XFS whose beginning is gone is known by a copy of its superblock, if nothing else is found.
 * @returns `undefined` if it is nothing that is known here, or empty.
 * @throws {@link DiskBytesLostError} nothing is found, and bytes that would tell are lost.
 */
export async function detectContent(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<DetectedContent | undefined> {
  let lost: DiskBytesLostError | undefined;
  const look: Look = async (at, length) => {
    if (at < 0 || at + length > source.bytes) return undefined;
    try {
      return new Fields(await source.read(at, length, signal), `bytes at ${at}`);
    } catch (error) {
      if (!(error instanceof DiskBytesLostError)) throw error;
      lost ??= error;
      return undefined;
    }
  };
  for (const detect of detectors) {
    const content = await detect(look, source.bytes);
    if (content !== undefined) return content;
  }
  const copy = await findCopy(source, undefined, signal);
  if (copy !== undefined) return { kind: 'ext', name: copy.type };
  const xfs = await findXfsCopy(source, undefined, signal);
  if (xfs !== undefined) return { kind: 'xfs', name: `XFS version ${xfs.superblock.version}` };
  if (lost !== undefined) throw lost;
  return undefined;
}

async function detectLuks(look: Look): Promise<DetectedContent | undefined> {
  const header = await look(0, 208);
  if (header?.has(0, 'LUKS') !== true || header.u16(4) !== 0xbeba) return undefined;
  return { kind: 'luks', name: `LUKS ${header.u8(7)}`, ...named(header.text(168, 40)) };
}

const raidMagic = 0xa92b4efc;

/** Linux's software RAID: its superblock is at the beginning, or, of older versions, at the end. */
async function detectRaid(look: Look, bytes: number): Promise<DetectedContent | undefined> {
  const places = [0, 4096, Math.floor(bytes / 4096 - 2) * 4096, Math.floor(bytes / 65536 - 1) * 65536];
  for (const at of places) {
    const header = await look(at, 8);
    if (header?.u32(0) === raidMagic) return { kind: 'raid', name: `Linux RAID (mdraid ${header.u32(4)})` };
  }
  return undefined;
}

async function detectLvm(look: Look): Promise<DetectedContent | undefined> {
  for (const sector of [0, 1, 2, 3]) {
    const label = await look(sector * 512, 512);
    if (label?.has(0, 'LABELONE') === true && label.has(24, 'LVM2 001'))
      return { kind: 'lvm', name: 'LVM 2 physical volume' };
  }
  return undefined;
}

/** Contents that begin with a boot sector, as Microsoft's file systems do. */
async function detectBootSector(look: Look): Promise<DetectedContent | undefined> {
  const sector = await look(0, 512);
  if (sector === undefined) return undefined;
  if (sector.has(3, 'ReFS\0\0\0\0')) return { kind: 'refs', name: 'ReFS' };
  if (sector.u16(510) !== 0xaa55) return undefined;
  if (isNtfs(sector)) return ntfsOf(sector);
  if (sector.has(3, '-FVE-FS-')) return { kind: 'bitlocker', name: 'BitLocker' };
  if (sector.has(3, 'EXFAT   ')) return { kind: 'exfat', name: 'exFAT', ...named(fatSerial(sector, 0x64)) };
  for (const at of [54, 82]) {
    const name = ['FAT12', 'FAT16', 'FAT32'].find((fat) => sector.has(at, fat));
    if (name === undefined) continue;
    const label = sector.text(at - 11, 11).trimEnd();
    return { kind: 'fat', name, ...named(fatSerial(sector, at - 15), label === 'NO NAME' ? '' : label) };
  }
  return undefined;
}

function ntfsOf(sector: Fields): DetectedContent {
  return { kind: 'ntfs', name: 'NTFS', ...named(serialText(sector.slice(serialAt, serialBytes))) };
}

/** NTFS whose first sector was lost: its copy is the last one. */
async function detectNtfsCopy(look: Look, bytes: number): Promise<DetectedContent | undefined> {
  for (const at of bootCopiesAt(bytes)) {
    const sector = await look(at, 512);
    if (sector !== undefined && isNtfs(sector)) return ntfsOf(sector);
  }
  return undefined;
}

function fatSerial(sector: Fields, at: number): string {
  const digits = serialText(sector.slice(at, 4));
  return `${digits.slice(0, 4)}-${digits.slice(4)}`;
}

/** Names of a file system, without those that are empty. */
function named(uuid: string, label = ''): Pick<DetectedContent, 'uuid' | 'label'> {
  const isNone = /^[0-]*$/.test(uuid);
  return { ...(!isNone && { uuid }), ...(label !== '' && { label }) };
}

async function detectXfs(look: Look): Promise<DetectedContent | undefined> {
  const superblock = await look(0, 120);
  if (superblock?.has(0, 'XFSB') !== true) return undefined;
  const name = `XFS version ${superblock.u8(101) & 0xf}`;
  return { kind: 'xfs', name, ...named(uuidText(superblock.slice(32, 16)), superblock.text(108, 12)) };
}

async function detectBtrfs(look: Look): Promise<DetectedContent | undefined> {
  const superblock = await look(65536, 1024);
  if (superblock?.has(64, '_BHRfS_M') !== true) return undefined;
  const label = superblock.text(0x12b, 256);
  return { kind: 'btrfs', name: 'Btrfs', ...named(uuidText(superblock.slice(32, 16)), label) };
}

async function detectExt(look: Look): Promise<DetectedContent | undefined> {
  const superblock = await look(superblockAt, superblockBytes);
  if (superblock === undefined || !isExt(superblock.bytes)) return undefined;
  try {
    const { type, uuid, label } = parseSuperblock(superblock.bytes, { verify: false });
    return { kind: 'ext', name: type, ...named(uuid, label) };
  } catch (error) {
    if (error instanceof DiskUnsupportedError) return { kind: 'ext', name: error.found };
    // Two bytes are little to go by: a superblock that cannot be is one only if there is nothing else.
    if (error instanceof DiskDamagedError) return undefined;
    throw error;
  }
}

async function detectDamagedExt(look: Look): Promise<DetectedContent | undefined> {
  const superblock = await look(superblockAt, superblockBytes);
  if (superblock === undefined || !isExt(superblock.bytes)) return undefined;
  return { kind: 'ext', name: 'ext with a damaged superblock' };
}

const uberblocksAt = 128 * 1024;
const uberblockBytes = 1024;
const uberblocks = 128;
/** Fewer may have been left by chance. */
const leastUberblocks = 4;
const uberblockMagics = [0x00bab10c, 0];

async function detectZfs(look: Look): Promise<DetectedContent | undefined> {
  const ring = await look(uberblocksAt, uberblocks * uberblockBytes);
  if (ring === undefined) return undefined;
  let found = 0;
  for (let index = 0; index < uberblocks; index += 1) {
    const words = [ring.u32(index * uberblockBytes), ring.u32(index * uberblockBytes + 4)];
    if (isUberblock(words)) found += 1;
  }
  return found >= leastUberblocks ? { kind: 'zfs', name: 'ZFS' } : undefined;
}

/** Both orders of bytes count, as a pool may be of either kind of machine. */
function isUberblock(words: readonly number[]): boolean {
  return (
    words.every((word, index) => word === uberblockMagics[index]) ||
    (words[0] === 0 && words[1] === 0x0cb1ba00)
  );
}

async function detectSwap(look: Look): Promise<DetectedContent | undefined> {
  for (const pageBytes of [4096, 8192, 16384, 65536]) {
    const end = await look(pageBytes - 10, 10);
    if (end?.has(0, 'SWAPSPACE2') === true) {
      const header = await look(1024, 44);
      return {
        kind: 'swap',
        name: 'swap space',
        ...(header && named(uuidText(header.slice(12, 16)), header.text(28, 16))),
      };
    }
    if (end?.has(0, 'S1SUSPEND') === true)
      return { kind: 'swap', name: 'swap space with a hibernated system' };
  }
  return undefined;
}
