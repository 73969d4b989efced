import { crc32 } from 'node:zlib';

export interface GptPartition {
  readonly type?: string;
  readonly first: number;
  readonly last: number;
  readonly name?: string;
}

const linuxType = '0fc63daf-8483-4772-8e79-3d69d8477de4';
const entries = 128;
const entryBytes = 128;

/** Writes a GPT and its copy, with the MBR that protects it, as partitioning programs do. */
export function writeGpt(disk: Buffer, partitions: readonly GptPartition[], sectorBytes = 512): void {
  writeMbr(disk, [{ type: 0xee, start: 1, sectors: 0xffffffff }]);
  const sectors = disk.length / sectorBytes;
  const tableSectors = (entries * entryBytes) / sectorBytes;
  const table = Buffer.alloc(entries * entryBytes);
  for (const [index, { type = linuxType, first, last, name = '' }] of partitions.entries()) {
    const at = index * entryBytes;
    table.set(guidBytes(type), at);
    table.set(guidBytes(`00000000-0000-0000-0000-00000000000${index + 1}`), at + 16);
    table.writeBigUInt64LE(BigInt(first), at + 32);
    table.writeBigUInt64LE(BigInt(last), at + 40);
    table.write(name, at + 56, 'utf16le');
  }
  const last = sectors - 1;
  const places = [
    { own: 1, other: last, tableAt: 2 },
    { own: last, other: 1, tableAt: last - tableSectors },
  ];
  for (const { own, other, tableAt } of places) {
    table.copy(disk, tableAt * sectorBytes);
    const header = Buffer.alloc(92);
    header.write('EFI PART');
    header.writeUInt32LE(0x10000, 8);
    header.writeUInt32LE(92, 12);
    header.writeBigUInt64LE(BigInt(own), 24);
    header.writeBigUInt64LE(BigInt(other), 32);
    header.writeBigUInt64LE(BigInt(tableAt), 72);
    header.writeUInt32LE(entries, 80);
    header.writeUInt32LE(entryBytes, 84);
    header.writeUInt32LE(crc32(table), 88);
    header.writeUInt32LE(crc32(header), 16);
    header.copy(disk, own * sectorBytes);
  }
}

export interface MbrEntry {
  readonly type: number;
  readonly start: number;
  readonly sectors: number;
}

/** Writes the four entries of an MBR, or of the table of a logical partition, and its signature. */
export function writeMbr(disk: Buffer, table: readonly MbrEntry[], at = 0): void {
  disk.fill(0, at + 446, at + 510);
  for (const [index, { type, start, sectors }] of table.entries()) {
    const entry = at + 446 + index * 16;
    disk.writeUInt8(type, entry + 4);
    disk.writeUInt32LE(start, entry + 8);
    disk.writeUInt32LE(sectors, entry + 12);
  }
  disk.writeUInt16LE(0xaa55, at + 510);
}

function guidBytes(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex');
  return Buffer.concat([
    bytes.subarray(0, 4).reverse(),
    bytes.subarray(4, 6).reverse(),
    bytes.subarray(6, 8).reverse(),
    bytes.subarray(8),
  ]);
}
