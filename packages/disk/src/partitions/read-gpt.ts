import { crc32 } from '../checksums/crc32.ts';
import { DiskDamagedError } from '../errors.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { Fields, guidText } from '../source/fields.ts';
import type { Partition, PartitionTable } from './partition.ts';

const signature = 'EFI PART';
const sectorSizes = [512, 4096] as const;
const leastHeaderBytes = 92;
/** A table has 16 KiB as a rule. */
const mostTableBytes = 2 ** 20;
const unused = '00000000-0000-0000-0000-000000000000';

interface Header {
  /** Sector of itself. */
  readonly own: number;
  readonly tableAt: number;
  readonly entries: number;
  readonly entryBytes: number;
  readonly tableChecksum: number;
}

/**
 * The GPT of a disk, of sectors of 512 or 4,096 bytes: by the header in the second sector, or if that is damaged, by
 * its copy at the end.
 * @returns `undefined` if neither header is there.
 * @throws {@link DiskDamagedError} a header is there, but none with its table can be read.
 */
export async function readGpt(disk: ByteSource, signal?: AbortSignal): Promise<PartitionTable | undefined> {
  const complaints: string[] = [];
  // A disk that was made larger has its copy where it ended once, as its first header says.
  const copies = sectorSizes.map((sectorBytes) => ({
    sectorBytes,
    sectors: [Math.floor(disk.bytes / sectorBytes) - 1],
  }));
  for (const { sectorBytes, sectors } of copies) {
    const first = await tryTable(disk, sectorBytes, 1, complaints, signal);
    if (first?.table !== undefined) return first.table;
    if (first?.other !== undefined) sectors.push(first.other);
  }
  for (const { sectorBytes, sectors } of copies)
    for (const sector of sectors) {
      const copy = await tryTable(disk, sectorBytes, sector, complaints, signal);
      if (copy?.table === undefined) continue;
      const notice = `the first GPT header is damaged or missing; its copy in sector ${sector} was used`;
      return { ...copy.table, notices: [notice, ...copy.table.notices] };
    }
  if (complaints.length === 0) return undefined;
  throw new DiskDamagedError(`no GPT can be read: ${complaints.join('; ')}`);
}

interface Attempt {
  readonly table?: PartitionTable;
  /** The place of its copy, by a header that is damaged. */
  readonly other?: number | undefined;
}

async function tryTable(
  disk: ByteSource,
  sectorBytes: number,
  sector: number,
  complaints: string[],
  signal: AbortSignal | undefined,
): Promise<Attempt | undefined> {
  if (sector < 1 || (sector + 1) * sectorBytes > disk.bytes) return undefined;
  let fields: Fields | undefined;
  try {
    const bytes = await disk.read(sector * sectorBytes, sectorBytes, signal);
    fields = new Fields(bytes, `GPT header in sector ${sector}`);
    if (!fields.has(0, signature)) return undefined;
    const header = parseHeader(fields, sector);
    return { table: await readTable(disk, header, sectorBytes, signal) };
  } catch (error) {
    if (!(error instanceof DiskDamagedError)) throw error;
    complaints.push(error.message);
    return { other: fields && safeSector(fields) };
  }
}

function safeSector(fields: Fields): number | undefined {
  const sector = fields.u32(0x20) + fields.u32(0x24) * 2 ** 32;
  return Number.isSafeInteger(sector) ? sector : undefined;
}

function parseHeader(fields: Fields, sector: number): Header {
  const length = fields.u32(0xc);
  if (length < leastHeaderBytes || length > fields.bytes.length)
    throw new DiskDamagedError(`${fields.what} says that it has ${length} bytes`);
  const copy = new Uint8Array(fields.slice(0, length));
  copy.fill(0, 0x10, 0x14);
  if (crc32(copy) !== fields.u32(0x10))
    throw new DiskDamagedError(`${fields.what} does not have its checksum`);
  const header = {
    own: fields.u64(0x18),
    tableAt: fields.u64(0x48),
    entries: fields.u32(0x50),
    entryBytes: fields.u32(0x54),
    tableChecksum: fields.u32(0x58),
  };
  if (header.own !== sector)
    throw new DiskDamagedError(`${fields.what} says that it is in sector ${header.own}`);
  if (
    header.entryBytes < 128 ||
    header.entryBytes % 8 !== 0 ||
    header.entries * header.entryBytes > mostTableBytes
  )
    throw new DiskDamagedError(`${fields.what} has ${header.entries} entries of ${header.entryBytes} bytes`);
  return header;
}

async function readTable(
  disk: ByteSource,
  { own, tableAt, entries, entryBytes, tableChecksum }: Header,
  sectorBytes: number,
  signal: AbortSignal | undefined,
): Promise<PartitionTable> {
  const what = `GPT table of the header in sector ${own}`;
  const offset = tableAt * sectorBytes;
  if (offset + entries * entryBytes > disk.bytes)
    throw new DiskDamagedError(`${what} is beyond the end of the disk`);
  const fields = new Fields(await disk.read(offset, entries * entryBytes, signal), what);
  if (crc32(fields.bytes) !== tableChecksum) throw new DiskDamagedError(`${what} does not have its checksum`);
  const notices: string[] = [];
  const partitions: Partition[] = [];
  for (let index = 0; index < entries; index += 1) {
    const at = index * entryBytes;
    const type = guidText(fields.slice(at, 16));
    if (type === unused) continue;
    const [first, last] = [fields.u64(at + 0x20), fields.u64(at + 0x28)];
    const start = first * sectorBytes;
    const end = (last + 1) * sectorBytes;
    const number = index + 1;
    if (last < first || start >= disk.bytes) {
      notices.push(`partition ${number} (sectors ${first} to ${last}) is not on the disk, and was left out`);
      continue;
    }
    if (end > disk.bytes) notices.push(`partition ${number} ends beyond the disk, and was cut at its end`);
    partitions.push({
      number,
      offset: start,
      bytes: Math.min(end, disk.bytes) - start,
      type,
      name: nameOf(fields.slice(at + 0x38, 72)),
      uuid: guidText(fields.slice(at + 0x10, 16)),
    });
  }
  return { scheme: 'gpt', sectorBytes, partitions, notices };
}

function nameOf(bytes: Uint8Array): string {
  const [name = ''] = new TextDecoder('utf-16le').decode(bytes).split('\0');
  return name;
}
