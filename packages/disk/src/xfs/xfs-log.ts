import { Fields } from '../source/fields.ts';
import type { XfsVolume } from './xfs-volume.ts';

export const logSectorBytes = 512;
export const recordMagic = 0xfeedbabe;
const mostRecordBytes = 256 * 1024;
/** A header names the first words of so many bytes; longer records have more of them. */
const bytesOfHeader = 32_768;
const mostHeaderSectors = mostRecordBytes / bytesOfHeader;
const unmountFlag = 0x20;

/** A log that is written round and round, in sectors. */
export interface XfsLog {
  readonly sectors: number;
  /** Sectors from one on, coming round to the beginning. */
  read(sector: number, count: number): Promise<Fields>;
  /** The sector after the last one that was written, as far as the numbers of rounds tell. */
  readonly end: number;
}

export type LogState =
  | { readonly kind: 'clean' }
  | { readonly kind: 'dirty'; readonly log: XfsLog }
  | { readonly kind: 'elsewhere' };

/**
 * The log is clean if the last thing written to it is that it was unmounted. It is written round and round: each sector
 * has the number of its round, so that the end is where that changes.
 */
export async function readLogState(volume: XfsVolume, signal?: AbortSignal): Promise<LogState> {
  const { log: place, blockBytes } = volume.superblock;
  if (place.start === 0) return { kind: 'elsewhere' };
  const at = volume.locateBlocks(place.start, place.blocks, 'the log') * blockBytes;
  const sectors = (place.blocks * blockBytes) / logSectorBytes;
  const piece = async (sector: number, count: number): Promise<Uint8Array> =>
    volume.source.read(at + sector * logSectorBytes, count * logSectorBytes, signal);
  const read = async (sector: number, count: number): Promise<Fields> => {
    const before = Math.min(count, sectors - sector);
    const first = await piece(sector, before);
    if (before === count) return new Fields(first, 'the log', 'big');
    const whole = new Uint8Array(count * logSectorBytes);
    whole.set(first);
    whole.set(await piece(0, count - before), first.length);
    return new Fields(whole, 'the log', 'big');
  };
  const log = { sectors, read, end: await findEnd(read, sectors) };
  return (await isUnmounted(log)) ? { kind: 'clean' } : { kind: 'dirty', log };
}

/** Sectors of a record before its content. */
export function headerSectorsOf(header: Fields, at: number): number {
  return header.u32(at + 8) === 2 ? Math.max(1, Math.ceil(header.u32(at + 320) / bytesOfHeader)) : 1;
}

/** Sectors before the end, and how many those are; at most so many. */
export async function readBeforeEnd(
  log: XfsLog,
  most: number,
): Promise<{ readonly fields: Fields; readonly count: number; readonly first: number }> {
  const count = Math.min(log.sectors, most);
  const first = (log.end - count + log.sectors) % log.sectors;
  return { fields: await log.read(first, count), count, first };
}

async function findEnd(read: XfsLog['read'], sectors: number): Promise<number> {
  const roundOf = async (sector: number): Promise<number> => {
    const fields = await read(sector, 1);
    return fields.u32(0) === recordMagic ? fields.u32(4) : fields.u32(0);
  };
  const round = await roundOf(0);
  let low = 1;
  let high = sectors;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((await roundOf(middle)) === round) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The last record ends there, and says nothing but that the file system was unmounted. */
async function isUnmounted(log: XfsLog): Promise<boolean> {
  const { fields, count } = await readBeforeEnd(log, mostRecordBytes / logSectorBytes + mostHeaderSectors);
  for (let index = count - 1; index >= 0; index -= 1) {
    const at = index * logSectorBytes;
    if (fields.u32(at) !== recordMagic) continue;
    const headerSectors = headerSectorsOf(fields, at);
    const length = headerSectors + Math.ceil(fields.u32(at + 12) / logSectorBytes);
    if (index + length !== count || fields.u32(at + 40) !== 1 || index + headerSectors >= count) return false;
    return (fields.u8(at + headerSectors * logSectorBytes + 9) & unmountFlag) !== 0;
  }
  return false;
}
