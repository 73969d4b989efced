import type { ByteSource } from '../source/byte-source.ts';
import { Fields } from '../source/fields.ts';
import type { Partition, PartitionTable } from './partition.ts';

const diskSignatureAt = 440;
const tableAt = 446;
const entryBytes = 16;
const signatureAt = 510;
const signature = 0xaa55;
const protectiveType = 0xee;
/** Types of a partition that has others in it. */
const extendedTypes: readonly number[] = [0x05, 0x0f, 0x85];
const firstLogical = 5;
/** Linux counts no further. */
const mostPartitions = 255;

interface Entry {
  readonly type: number;
  /** In sectors, from what the entry counts from. */
  readonly start: number;
  readonly sectors: number;
}

/** The first sector of a disk, read as that of an MBR. */
export interface BootSector {
  /** The MBR's entries, used ones only, with their numbers. */
  readonly entries: readonly (Entry & { readonly number: number })[];
  /** It says that a GPT follows. */
  readonly protects: boolean;
}

/**
 * The entries of the first sector.
 * @returns `undefined` if it is none of an MBR: no signature, or entries that cannot be, as where the boot code of a
 *   file system is in their place.
 */
export async function readBootSector(
  disk: ByteSource,
  signal?: AbortSignal,
): Promise<BootSector | undefined> {
  const entries = await readEntries(disk, 0, signal);
  if (entries === undefined || entries.some(({ type, start }) => type !== 0 && start === 0)) return undefined;
  const used = entries
    .map((entry, index) => ({ ...entry, number: index + 1 }))
    .filter(({ type }) => type !== 0);
  return {
    entries: used.filter(({ type }) => type !== protectiveType),
    protects: used.some(({ type }) => type === protectiveType),
  };
}

/** The partitions that a first sector names, those in extended ones too; what is not right there ends their chain. */
export async function readMbr(
  disk: ByteSource,
  { entries }: BootSector,
  sectorBytes: number,
  signal?: AbortSignal,
): Promise<PartitionTable> {
  const disksOwn = new Fields(await disk.read(diskSignatureAt, 4, signal), 'MBR').u32(0);
  const uuidOf = (number: number): string | undefined =>
    disksOwn === 0 ? undefined : `${disksOwn.toString(16).padStart(8, '0')}-${hexByte(number)}`;
  const notices: string[] = [];
  const partitions: Partition[] = [];
  const add = (number: number, { type, sectors }: Entry, start: number): void => {
    const offset = start * sectorBytes;
    const bytes = Math.min(sectors * sectorBytes, disk.bytes - offset);
    if (sectors === 0 || bytes <= 0) {
      notices.push(
        `partition ${number} (${sectors} sectors from ${start} on) is not on the disk, and was left out`,
      );
      return;
    }
    if (bytes < sectors * sectorBytes)
      notices.push(`partition ${number} ends beyond the disk, and was cut at its end`);
    partitions.push({ number, offset, bytes, type: hexByte(type), name: '', uuid: uuidOf(number) });
  };

  for (const entry of entries) if (!extendedTypes.includes(entry.type)) add(entry.number, entry, entry.start);
  let number = firstLogical;
  for (const extended of entries) {
    if (!extendedTypes.includes(extended.type)) continue;
    const seen = new Set<number>();
    for (let sector: number | undefined = extended.start; sector !== undefined;) {
      const problem = chainProblem(sector, extended, seen, number);
      const found: readonly Entry[] | undefined =
        problem === undefined ? await readEntries(disk, sector * sectorBytes, signal) : undefined;
      if (found === undefined) {
        notices.push(
          `logical partitions end at ${number - firstLogical}: ${problem ?? `sector ${sector} has no table`}`,
        );
        break;
      }
      seen.add(sector);
      const base: number = sector;
      for (const entry of found) {
        if (entry.type === 0 || extendedTypes.includes(entry.type)) continue;
        add(number, entry, base + entry.start);
        number += 1;
      }
      const next: Entry | undefined = found.find(
        ({ type, sectors }) => extendedTypes.includes(type) && sectors > 0,
      );
      sector = next === undefined ? undefined : extended.start + next.start;
    }
  }
  return { scheme: 'mbr', sectorBytes, partitions, notices };
}

function chainProblem(
  sector: number,
  { start, sectors }: Entry,
  seen: ReadonlySet<number>,
  number: number,
): string | undefined {
  if (seen.has(sector)) return `their chain comes back to sector ${sector}`;
  if (sector < start || sector >= start + sectors)
    return `their chain leaves the extended partition for sector ${sector}`;
  if (number > mostPartitions) return 'there can be no more';
  return undefined;
}

async function readEntries(
  disk: ByteSource,
  offset: number,
  signal: AbortSignal | undefined,
): Promise<readonly Entry[] | undefined> {
  if (offset + 512 > disk.bytes) return undefined;
  const fields = new Fields(await disk.read(offset, 512, signal), `MBR at byte ${offset}`);
  if (fields.u16(signatureAt) !== signature) return undefined;
  const entries: Entry[] = [];
  for (let at = tableAt; at < signatureAt; at += entryBytes) {
    const status = fields.u8(at);
    const entry = { type: fields.u8(at + 4), start: fields.u32(at + 8), sectors: fields.u32(at + 12) };
    if (status !== 0 && status !== 0x80) return undefined;
    entries.push(entry);
  }
  return entries;
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}
