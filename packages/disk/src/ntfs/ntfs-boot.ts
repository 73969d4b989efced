import { DiskDamagedError } from '../errors.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { Fields, serialText } from '../source/fields.ts';

export const serialAt = 0x48;
export const serialBytes = 8;
const sectorBytes = 512;
const largestSectorBytes = 4096;
const mostClusterBytes = 2 * 2 ** 20;
const mostRecordBytes = 65536;

/** A boot sector taken apart: where the file system is, and how large its parts are. */
export interface NtfsGeometry {
  readonly bytes: number;
  readonly clusterBytes: number;
  readonly clusters: number;
  /** Of a record of the master file table. */
  readonly recordBytes: number;
  readonly tableCluster: number;
  /** Where the first records are a second time. */
  readonly mirrorCluster: number;
  /** As Linux shows it in place of a UUID. */
  readonly serial: string;
  /** The sector was lost, and its copy was read. */
  readonly isCopy: boolean;
}

export function isNtfs(sector: Fields): boolean {
  return sector.has(3, 'NTFS    ') && sector.u16(510) === 0xaa55;
}

/** Places of the copy of the boot sector, which is the last sector of a volume. */
export function bootCopiesAt(bytes: number): readonly number[] {
  return [sectorBytes, largestSectorBytes].map((size) => Math.floor(bytes / size - 1) * size);
}

/**
 * Reads the boot sector; where it is lost, its copy.
 * @throws {@link DiskDamagedError} neither can be right.
 */
export async function readGeometry(source: ByteSource, signal?: AbortSignal): Promise<NtfsGeometry> {
  let complaint: unknown;
  for (const at of [0, ...bootCopiesAt(source.bytes)]) {
    if (at < 0 || at + sectorBytes > source.bytes) continue;
    const sector = new Fields(await source.read(at, sectorBytes, signal), 'boot sector');
    try {
      return parseGeometry(sector, source.bytes, at > 0);
    } catch (error) {
      if (!(error instanceof DiskDamagedError)) throw error;
      complaint ??= error;
    }
  }
  throw complaint ?? new DiskDamagedError(`${source.bytes} bytes are too few for a boot sector`);
}

function parseGeometry(sector: Fields, available: number, isCopy: boolean): NtfsGeometry {
  if (!isNtfs(sector)) throw new DiskDamagedError(`the ${sector.what} is not one of NTFS`);
  const sectorSize = powerOfTwo('sectors', sector.u16(0x0b), sectorBytes, largestSectorBytes);
  const perCluster = sector.u8(0x0d);
  // Above 128 sectors, it is the power of two, counted down from 256.
  const sectors = perCluster > 128 ? 2 ** (256 - perCluster) : perCluster;
  const clusterBytes = powerOfTwo('clusters', sectors * sectorSize, sectorBytes, mostClusterBytes);
  const bytes = sector.u64(0x28) * sectorSize;
  if (!Number.isSafeInteger(bytes) || bytes > available)
    throw new DiskDamagedError(`NTFS of ${bytes} bytes, of which ${available} are there`);
  const size = new Int8Array(sector.slice(0x40, 1))[0] ?? 0;
  const recordSize = size < 0 ? 2 ** -size : size * clusterBytes;
  const clusters = Math.floor(bytes / clusterBytes);
  return {
    bytes,
    clusterBytes,
    clusters,
    recordBytes: powerOfTwo('records', recordSize, sectorBytes, mostRecordBytes),
    tableCluster: within('master file table', sector.u64(0x30), clusters),
    mirrorCluster: sector.u64(0x38),
    serial: serialText(sector.slice(serialAt, serialBytes)),
    isCopy,
  };
}

function powerOfTwo(what: string, value: number, least: number, most: number): number {
  if (value < least || value > most || (value & (value - 1)) !== 0)
    throw new DiskDamagedError(`the boot sector has ${what} of ${value} bytes`);
  return value;
}

function within(what: string, cluster: number, clusters: number): number {
  if (cluster === 0 || cluster >= clusters)
    throw new DiskDamagedError(`the boot sector has the ${what} at cluster ${cluster} of ${clusters}`);
  return cluster;
}
