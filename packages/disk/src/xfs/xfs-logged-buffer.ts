import { Fields } from '../source/fields.ts';
import { hasUuid, sealCrc } from './xfs-checks.ts';

/** Where a block of metadata has its checksum, the place in the log of its last change, and its UUID. */
interface BufferPlaces {
  readonly crc: number;
  /** Absent of what is not logged, and of what is checked otherwise. */
  readonly lsn?: number;
  readonly uuid?: number;
}

const ofGroupTrees: BufferPlaces = { crc: 52, lsn: 24, uuid: 32 };
const ofDirectories: BufferPlaces = { crc: 4, lsn: 16, uuid: 24 };
/** By the first four bytes. */
const byMagic: Readonly<Record<string, BufferPlaces>> = {
  AB3B: ofGroupTrees,
  AB3C: ofGroupTrees,
  IAB3: ofGroupTrees,
  FIB3: ofGroupTrees,
  RMB3: ofGroupTrees,
  R3FC: ofGroupTrees,
  BMA3: { crc: 64, lsn: 32, uuid: 40 },
  XAGF: { crc: 216, lsn: 208, uuid: 64 },
  XAFL: { crc: 32, lsn: 24, uuid: 8 },
  XAGI: { crc: 312, lsn: 320, uuid: 296 },
  XSLM: { crc: 12, lsn: 48, uuid: 16 },
  XARM: { crc: 12 },
  XDB3: ofDirectories,
  XDD3: ofDirectories,
  XDF3: ofDirectories,
};
const ofSuperblock = { crc: 224, lsn: 240, uuid: 32, metadataUuid: 248 } as const;
/** By the two bytes behind the neighbours: leaves and nodes of directories and attributes. */
const ofTrees: BufferPlaces = { crc: 12, lsn: 24, uuid: 32 };
const treeMagics: readonly number[] = [0x3df1, 0x3dff, 0x3ebe, 0x3bee];

function placesOf(block: Fields, hasMetadataUuid: boolean): BufferPlaces | undefined {
  if (block.has(0, 'XFSB'))
    return { ...ofSuperblock, uuid: hasMetadataUuid ? ofSuperblock.metadataUuid : ofSuperblock.uuid };
  const magic = Object.keys(byMagic).find((known) => block.has(0, known));
  if (magic !== undefined) return byMagic[magic];
  return treeMagics.includes(block.u16(8)) ? ofTrees : undefined;
}

/** The file system that a block must be of. */
export interface BufferOwner {
  readonly uuid: Uint8Array;
  readonly hasMetadataUuid: boolean;
}

/**
 * The place in the log of the last change that a block has.
 * @returns `undefined` where it is not known: then what the log has is newer.
 */
export function lsnOfBuffer(bytes: Uint8Array, { uuid, hasMetadataUuid }: BufferOwner): bigint | undefined {
  const block = new Fields(bytes, 'a block', 'big');
  const places = placesOf(block, hasMetadataUuid);
  if (places?.lsn === undefined || places.uuid === undefined) return undefined;
  if (!hasUuid(block, places.uuid, uuid)) return undefined;
  const lsn = block.big64(places.lsn);
  return lsn === 0n || lsn === 2n ** 64n - 1n ? undefined : lsn;
}

/** Writes the checksum anew, if it is a block that has one. */
export function sealBuffer(bytes: Uint8Array): void {
  const places = placesOf(new Fields(bytes, 'a block', 'big'), false);
  if (places !== undefined) sealCrc(bytes, places.crc);
}
