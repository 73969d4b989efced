import { Fields } from '../source/fields.ts';
import type { XfsVolume } from './xfs-volume.ts';

const sectorBytes = 512;
const recordMagic = 0xfeedbabe;
const mostRecordBytes = 256 * 1024;
const mostHeaderSectors = mostRecordBytes / 32768;
const unmountFlag = 0x20;

export type LogState = 'clean' | 'dirty' | 'elsewhere';

/**
 * The log is clean if the last thing written to it is that it was unmounted. It is written round and round: each sector
 * has the number of its round, so that the end is where that changes.
 */
export async function readLogState(volume: XfsVolume, signal?: AbortSignal): Promise<LogState> {
  const { log, blockBytes } = volume.superblock;
  if (log.start === 0) return 'elsewhere';
  const at = volume.locateBlocks(log.start, log.blocks, 'the log') * blockBytes;
  const sectors = (log.blocks * blockBytes) / sectorBytes;
  const read = async (sector: number, count: number): Promise<Fields> =>
    new Fields(
      await volume.source.read(at + sector * sectorBytes, count * sectorBytes, signal),
      'the log',
      'big',
    );
  const end = await findEnd(read, sectors);
  return (await isUnmounted(read, sectors, end)) ? 'clean' : 'dirty';
}

type ReadSectors = (sector: number, count: number) => Promise<Fields>;

/** The sector after the last one that was written, which is of another round than the first. */
async function findEnd(read: ReadSectors, sectors: number): Promise<number> {
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
async function isUnmounted(read: ReadSectors, sectors: number, end: number): Promise<boolean> {
  const most = Math.min(sectors, mostRecordBytes / sectorBytes + mostHeaderSectors);
  // The end comes round to the beginning.
  const before = Math.max(0, most - end);
  const tail = before === 0 ? undefined : await read(sectors - before, before);
  const near = await read(end - (most - before), most - before);
  const sectorAt = (index: number): Fields =>
    index < before && tail !== undefined
      ? new Fields(tail.slice(index * sectorBytes, sectorBytes), 'the log', 'big')
      : new Fields(near.slice((index - before) * sectorBytes, sectorBytes), 'the log', 'big');
  for (let index = most - 1; index >= 0; index -= 1) {
    const header = sectorAt(index);
    if (header.u32(0) !== recordMagic) continue;
    const headerSectors = header.u32(8) === 2 ? Math.max(1, Math.ceil(header.u32(320) / 32768)) : 1;
    const length = headerSectors + Math.ceil(header.u32(12) / sectorBytes);
    if (index + length !== most || header.u32(40) !== 1 || index + headerSectors >= most) return false;
    return (sectorAt(index + headerSectors).u8(9) & unmountFlag) !== 0;
  }
  return false;
}
