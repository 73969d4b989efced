import { addCrc32c } from '../checksums/crc32.ts';
import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import { Fields, uuidText } from '../source/fields.ts';
import { headerSectorsOf, logSectorBytes, readBeforeEnd, recordMagic, type XfsLog } from './xfs-log.ts';

/** Bytes of headers that checksums cover. */
const headerBytes = 328;
const moreHeaderBytes = 260;
const crcAt = 32;
const wordsOfHeader = 64;
const littleEndian = 1;
/** Records that can be under way at once when a machine ends, so that one is there and one before it is not. */
const recordsUnderWay = 8;
const sectorsUnderWay = (recordsUnderWay * 256 * 1024) / logSectorBytes;
/** All records that are replayed are in memory. */
const mostBytes = 64 * 2 ** 20;

export interface LogRecord {
  /** Its round and first sector, 32 bits each. */
  readonly lsn: bigint;
  /** The first record with changes that may not be in their places yet, by the time of this one. */
  readonly tail: bigint;
  readonly operations: number;
  readonly content: Uint8Array;
}

interface FoundRecord extends LogRecord {
  readonly sectors: number;
}

interface RecordsOf {
  /** The UUID of the file system, which each record has. */
  readonly uuid: string;
  /** Checksums are checked. */
  readonly verifies: boolean;
}

/**
 * Records of a log that a mount would replay, in their order: from the tail that the last whole one names up to that. Of
 * what was under way when the machine ended, all behind the first gap is left.
 * @throws {@link DiskDamagedError} there is a gap where none can be.
 * @throws {@link DiskUnsupportedError} they are too many, or those of a machine with its bytes the other way round.
 */
export async function readLogRecords(log: XfsLog, of: RecordsOf): Promise<readonly LogRecord[]> {
  const { newest, underWay } = await findNewest(log, of);
  const records = await readFrom(log, newest.tail, newest.lsn, of);
  const last = records.at(-1);
  if (last === undefined) throw damaged('does not begin where its last record says');
  if (last.lsn === newest.lsn) return records;
  const beforeEnd = (log.end - sectorOf(last.lsn) - last.sectors + log.sectors) % log.sectors;
  if (beforeEnd > underWay) throw damaged(`has a gap, ${beforeEnd} sectors before its end`);
  const whole = last.tail === newest.tail ? records : await readFrom(log, last.tail, last.lsn, of);
  if (whole.at(-1)?.lsn !== last.lsn) throw damaged('has a gap before its last whole record');
  return whole;
}

/** The last whole record, and the sectors before the end in which others can be missing. */
async function findNewest(
  log: XfsLog,
  of: RecordsOf,
): Promise<{ readonly newest: LogRecord; readonly underWay: number }> {
  const { fields, count, first } = await readBeforeEnd(log, sectorsUnderWay);
  let newest: LogRecord | undefined;
  let headers = 0;
  let underWay = count;
  for (let index = count - 1; index >= 0; index -= 1) {
    if (fields.u32(index * logSectorBytes) !== recordMagic) continue;
    newest ??= await findRecord(log, (first + index) % log.sectors, of);
    headers += 1;
    underWay = count - index;
    if (newest !== undefined && headers >= recordsUnderWay) break;
  }
  if (newest === undefined) throw damaged('has no whole record before its end');
  return { newest, underWay };
}

/** Whole records that follow each other. */
async function readFrom(log: XfsLog, from: bigint, to: bigint, of: RecordsOf): Promise<FoundRecord[]> {
  const records: FoundRecord[] = [];
  let bytes = 0;
  let [round, sector] = [from >> 32n, sectorOf(from)];
  if (sector >= log.sectors) throw damaged(`says that it begins at sector ${sector} of ${log.sectors}`);
  for (let passed = 0; passed < log.sectors;) {
    const record = await findRecord(log, sector, of);
    if (record?.lsn !== ((round << 32n) | BigInt(sector))) break;
    bytes += record.content.length;
    if (bytes > mostBytes)
      throw new DiskUnsupportedError('a log of XFS with more than 64 MiB of changes to be replayed');
    records.push(record);
    if (record.lsn === to) break;
    passed += record.sectors;
    sector += record.sectors;
    if (sector < log.sectors) continue;
    sector -= log.sectors;
    round += 1n;
  }
  return records;
}

function sectorOf(lsn: bigint): number {
  return Number(lsn & 0xffffffffn);
}

/** @returns `undefined` if there is no record, or not all of it. */
async function findRecord(
  log: XfsLog,
  sector: number,
  { uuid, verifies }: RecordsOf,
): Promise<FoundRecord | undefined> {
  const header = await log.read(sector, 1);
  if (header.u32(0) !== recordMagic || header.big64(16) % 2n ** 32n !== BigInt(sector)) return undefined;
  if (uuidText(header.slice(304, 16)) !== uuid) return undefined;
  const [length, headers] = [header.u32(12), headerSectorsOf(header, 0)];
  const contentSectors = Math.ceil(length / logSectorBytes);
  if (headers + contentSectors > log.sectors || headers < Math.ceil(length / 32_768)) return undefined;
  const record = await log.read(sector, headers + contentSectors);
  const content = record.slice(headers * logSectorBytes, length);
  const stored = new Fields(record.slice(crcAt, 4), 'the log').u32(0);
  if (verifies && checksumOf(record, content) !== stored) return undefined;
  if (header.u32(300) !== littleEndian)
    throw new DiskUnsupportedError('a log of XFS of a machine with its bytes the other way round');
  return {
    lsn: header.big64(16),
    tail: header.big64(24),
    operations: header.u32(40),
    content: withFirstWords(record, content),
    sectors: headers + contentSectors,
  };
}

function checksumOf({ bytes }: Fields, content: Uint8Array): number {
  let sum = addCrc32c(0xffffffff, bytes.subarray(0, crcAt));
  sum = addCrc32c(sum, new Uint8Array(4));
  sum = addCrc32c(sum, bytes.subarray(crcAt + 4, headerBytes));
  for (
    let at = logSectorBytes;
    at < Math.ceil(content.length / 32_768) * logSectorBytes;
    at += logSectorBytes
  )
    sum = addCrc32c(sum, bytes.subarray(at, at + moreHeaderBytes));
  return ~addCrc32c(sum, content) >>> 0;
}

/** The first word of each sector is in the headers: the number of the round is in its place. */
function withFirstWords(record: Fields, packed: Uint8Array): Uint8Array {
  const content = new Uint8Array(packed);
  for (let index = 0; index * logSectorBytes < content.length; index += 1) {
    const header = Math.floor(index / wordsOfHeader);
    const at = header * logSectorBytes + (header === 0 ? 44 : 4) + (index % wordsOfHeader) * 4;
    const word = record.slice(at, 4);
    content.set(word.subarray(0, content.length - index * logSectorBytes), index * logSectorBytes);
  }
  return content;
}

function damaged(what: string): DiskDamagedError {
  return new DiskDamagedError(`the log of XFS ${what}`);
}
