import { DiskDamagedError } from '../errors.ts';
import { checkSame } from './xfs-checks.ts';
import type { XfsVolume } from './xfs-volume.ts';

const headerBytes = 56;
const identityPlaces = { crc: 12, place: 40, uuid: 16, owner: 32 } as const;

/** Bytes that have a piece of a value or of a link's target, as they were read at a place. */
export interface RemoteBlock {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly magic: 'XARM' | 'XSLM';
  readonly what: string;
  readonly owner: number;
}

/** Blocks that a value or target takes, of which each has a header in version 5. */
export function remoteBlocks(volume: XfsVolume, bytes: number): number {
  return Math.ceil(bytes / (volume.blockBytes - (volume.isNamed ? headerBytes : 0)));
}

/**
 * The piece in it, at most so many bytes.
 * @param offset - the piece's place in the value.
 */
export function readRemoteBlock(
  volume: XfsVolume,
  { bytes, at, magic, what, owner }: RemoteBlock,
  offset: number,
  most: number,
): Uint8Array {
  if (!volume.isNamed) return bytes.subarray(0, most);
  const fields = volume.metadata(bytes, at, { what, owner, places: identityPlaces });
  const length = Math.min(most, bytes.length - headerBytes);
  if (!fields.has(0, magic)) throw new DiskDamagedError(`${fields.what} has no magic number`);
  checkSame(fields.what, 'offset', fields.u32(4), offset);
  checkSame(fields.what, 'length', fields.u32(8), length);
  return fields.slice(headerBytes, length);
}
