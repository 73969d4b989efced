import { addCrc32 } from '../checksums/crc32.ts';
import { DiskDamagedError } from '../errors.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { Fields } from '../source/fields.ts';
import { type LvmSection, parseLvmText } from './parse-lvm-text.ts';

const sectorBytes = 512;
const labelSectors = [0, 1, 2, 3];
const areaMagic = ' LVM2 x[5A%r0N*>';
const areaHeaderBytes = 512;
const ignored = 1;
/** LVM makes areas of 1 MiB as a rule. */
const mostMetadataBytes = 64 * 2 ** 20;
/** The seed of LVM's checksums, which are not inverted at the end. */
const checksumSeed = 0xf597a6cf;

/** A disk of a volume group. */
export interface PhysicalVolume {
  readonly source: ByteSource;
  /** Without hyphens, as its label has it. */
  readonly id: string;
  /** Its copy of the description of its group; absent where it is in none, or keeps no copy. */
  readonly metadata: LvmSection | undefined;
  readonly notices: readonly string[];
}

/** @returns `undefined` if the source is no physical volume. */
export async function readPhysicalVolume(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<PhysicalVolume | undefined> {
  for (const sector of labelSectors) {
    const at = sector * sectorBytes;
    if (at + sectorBytes > source.bytes) return undefined;
    const label = new Fields(await source.read(at, sectorBytes, signal), `LVM label in sector ${sector}`);
    if (!label.has(0, 'LABELONE') || !label.has(24, 'LVM2 001')) continue;
    checkSum(label, 16, label.bytes.subarray(20));
    return readLabelled(source, label, signal);
  }
  return undefined;
}

async function readLabelled(
  source: ByteSource,
  label: Fields,
  signal: AbortSignal | undefined,
): Promise<PhysicalVolume> {
  const header = label.u32(20);
  const id = label.text(header, 32);
  const [, next] = areasOf(label, header + 40);
  const [areas] = areasOf(label, next);
  const notices: string[] = [];
  for (const area of areas) {
    try {
      const metadata = await readArea(source, area, signal);
      if (metadata !== undefined) return { source, id, metadata, notices };
    } catch (error) {
      if (!(error instanceof DiskDamagedError)) throw error;
      notices.push(`metadata of physical volume ${id} cannot be read: ${error.message}`);
    }
  }
  return { source, id, metadata: undefined, notices };
}

interface Area {
  readonly offset: number;
  readonly bytes: number;
}

/** Areas that a label lists from a place on, and the place after their list. */
function areasOf(label: Fields, from: number): [areas: readonly Area[], next: number] {
  const areas: Area[] = [];
  let at = from;
  for (; label.u64(at) !== 0; at += 16) areas.push({ offset: label.u64(at), bytes: label.u64(at + 8) });
  return [areas, at + 16];
}

/** The metadata in an area: its newest copy, which goes on at the area's start where it comes to its end. */
async function readArea(
  source: ByteSource,
  { offset, bytes }: Area,
  signal: AbortSignal | undefined,
): Promise<LvmSection | undefined> {
  const what = `LVM metadata area at byte ${offset}`;
  if (offset + bytes > source.bytes || bytes < areaHeaderBytes)
    throw new DiskDamagedError(`${what} has ${bytes} bytes, which are not on the disk`);
  const header = new Fields(await source.read(offset, areaHeaderBytes, signal), what);
  if (!header.has(4, areaMagic)) throw new DiskDamagedError(`${what} has no magic number`);
  checkSum(header, 0, header.bytes.subarray(4));
  const start = header.u64(40);
  const length = header.u64(48);
  if (start === 0 || (header.u32(60) & ignored) !== 0) return undefined;
  if (
    start < areaHeaderBytes ||
    start >= bytes ||
    length > bytes - areaHeaderBytes ||
    length > mostMetadataBytes
  )
    throw new DiskDamagedError(`${what} says that its text has ${length} bytes from ${start} on`);
  const first = Math.min(length, bytes - start);
  const text = new Uint8Array(length);
  text.set(await source.read(offset + start, first, signal));
  text.set(await source.read(offset + areaHeaderBytes, length - first, signal), first);
  if (addCrc32(checksumSeed, text) !== header.u32(56))
    throw new DiskDamagedError(`${what} does not have its checksum`);
  const end = text.indexOf(0);
  return parseLvmText(new TextDecoder().decode(end === -1 ? text : text.subarray(0, end)));
}

function checkSum(fields: Fields, at: number, covered: Uint8Array): void {
  if (addCrc32(checksumSeed, covered) !== fields.u32(at))
    throw new DiskDamagedError(`${fields.what} does not have its checksum`);
}
