import { addCrc32c } from '../checksums/crc32.ts';
import { DiskDamagedError } from '../errors.ts';
import { Fields, uuidText } from '../source/fields.ts';

/** Offsets of what a block of version 5 says of itself. */
export interface IdentityPlaces {
  readonly crc: number;
  /** Its place on the disk, in units of 512 bytes. */
  readonly place: number;
  readonly uuid: number;
  /** The number of its inode, of 8 bytes, or that of its group, of 4. */
  readonly owner: number;
  readonly ownerBytes?: 4 | 8;
}

export interface BlockIdentity {
  /** The checksum is checked, too. */
  readonly verify: boolean;
  readonly at: number;
  readonly uuid: Uint8Array;
  readonly owner: number;
}

/** @throws {@link DiskDamagedError} the block is changed, another one, or of another inode or file system. */
export function checkIdentity(block: Fields, places: IdentityPlaces, expected: BlockIdentity): void {
  if (expected.verify) checkCrc(block, places.crc);
  checkSame(block.what, 'place', block.u64(places.place) * 512, expected.at);
  const owner = places.ownerBytes === 4 ? block.u32(places.owner) : block.u64(places.owner);
  checkSame(block.what, 'owner', owner, expected.owner);
  checkUuid(block, places.uuid, expected.uuid);
}

export function checkUuid(block: Fields, at: number, expected: Uint8Array): void {
  if (!hasUuid(block, at, expected))
    checkSame(block.what, 'file system', uuidText(block.slice(at, 16)), uuidText(expected));
}

export function hasUuid(block: Fields, at: number, uuid: Uint8Array): boolean {
  return block.slice(at, 16).every((byte, index) => byte === uuid[index]);
}

export function checkSame<Value>(what: string, fact: string, found: Value, expected: Value): void {
  if (found !== expected)
    throw new DiskDamagedError(`${what} says that its ${fact} is ${String(found)}, not ${String(expected)}`);
}

/** The checksum covers all bytes, its own four as zeros, and is the one number that has its least byte first. */
export function checkCrc(block: Fields, at: number): void {
  const { bytes, what } = block;
  const computed = crcOf(bytes, at);
  const stored = new Fields(bytes, what).u32(at);
  if (computed !== stored)
    throw new DiskDamagedError(
      `${what} does not have its checksum: 0x${stored.toString(16)} instead of 0x${computed.toString(16)}`,
    );
}

/** Writes the checksum that the bytes are to have. */
export function sealCrc(bytes: Uint8Array, at: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, crcOf(bytes, at), true);
}

function crcOf(bytes: Uint8Array, at: number): number {
  const before = addCrc32c(0xffffffff, bytes.subarray(0, at));
  return ~addCrc32c(addCrc32c(before, new Uint8Array(4)), bytes.subarray(at + 4)) >>> 0;
}
