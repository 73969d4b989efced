/** Writes records of NTFS as no program would, into an image whose clusters and records have 1,024 bytes. */
const bytesOfRecord = 1024;
const stride = 512;
const headerBytes = 0x38;

export interface MadeAttribute {
  readonly type: number;
  readonly name?: string;
  readonly id?: number;
  /** 1: compressed, 0x4000: encrypted. */
  readonly flags?: number;
  /** Of one that is in its record. */
  readonly value?: Buffer;
  /** Of one in clusters: length and first cluster of each run, no cluster for a hole. */
  readonly runs?: readonly (readonly [number, number?])[];
  /** Place of the first cluster in the content. @default 0 */
  readonly first?: number;
  /** @default all clusters */
  readonly bytes?: number;
  /** @default bytes */
  readonly validBytes?: number;
  /** Of compressed content, as a power of two. */
  readonly unit?: number;
}

export function recordAt(image: Buffer, number: number): number {
  return Number(image.readBigUInt64LE(0x30)) * bytesOfRecord + number * bytesOfRecord;
}

/** Changes a record, or a block of an index, and makes its fix-ups anew. */
export function changeMended(
  image: Buffer,
  at: number,
  change: (bytes: Buffer) => void,
  length = bytesOfRecord,
): void {
  const bytes = image.subarray(at, at + length);
  const table = bytes.readUInt16LE(4);
  for (let end = stride, index = 1; end <= length; end += stride, index += 1)
    bytes.copy(bytes, end - 2, table + 2 * index, table + 2 * index + 2);
  change(bytes);
  mark(bytes);
}

function mark(bytes: Buffer): void {
  const table = bytes.readUInt16LE(4);
  for (let end = stride, index = 1; end <= bytes.length; end += stride, index += 1) {
    bytes.copy(bytes, table + 2 * index, end - 2, end);
    bytes.copy(bytes, end - 2, table, table + 2);
  }
}

/** The offset of an attribute in a record; -1 if it has none of the type. */
export function attributeAt(record: Buffer, type: number): number {
  for (let at = record.readUInt16LE(0x14); record.readUInt32LE(at) !== 0xffffffff;) {
    if (record.readUInt32LE(at) === type) return at;
    at += record.readUInt32LE(at + 4);
  }
  return -1;
}

/** Puts a record of its own in the place of another, with its first attribute, the facts of the file, if it has them. */
export function writeRecord(
  image: Buffer,
  number: number,
  attributes: readonly MadeAttribute[],
  { base = 0, directory = false }: { readonly base?: number; readonly directory?: boolean } = {},
): void {
  const at = recordAt(image, number);
  const sequence = image.readUInt16LE(at + 0x10);
  const facts: MadeAttribute = { type: 0x10, value: Buffer.alloc(0x48) };
  const parts = [...(base === 0 ? [facts] : []), ...attributes].map(encodeAttribute);
  const body = Buffer.concat([...parts, Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])]);
  const record = image.subarray(at, at + bytesOfRecord).fill(0);
  record.write('FILE');
  record.writeUInt16LE(0x30, 4);
  record.writeUInt16LE(3, 6);
  record.writeUInt16LE(sequence, 0x10);
  record.writeUInt16LE(1, 0x12);
  record.writeUInt16LE(headerBytes, 0x14);
  record.writeUInt16LE(directory ? 3 : 1, 0x16);
  record.writeUInt32LE(headerBytes + body.length, 0x18);
  record.writeUInt32LE(bytesOfRecord, 0x1c);
  if (base !== 0) record.set(reference(image, base), 0x20);
  record.writeUInt16LE(7, 0x30);
  body.copy(record, headerBytes);
  mark(record);
}

/** The name of a record in its present use. */
function reference(image: Buffer, number: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(number, 0);
  bytes.writeUInt16LE(image.readUInt16LE(recordAt(image, number) + 0x10), 6);
  return bytes;
}

function encodeAttribute({
  type,
  name = '',
  id = 0,
  flags = 0,
  value,
  ...inClusters
}: MadeAttribute): Buffer {
  const header = Buffer.alloc(value === undefined ? 0x48 : 0x18);
  const encodedName = Buffer.from(name, 'utf16le');
  const content = value ?? clustersOf(header, inClusters);
  const valueAt = Math.ceil((header.length + encodedName.length) / 8) * 8;
  const attribute = Buffer.alloc(Math.ceil((valueAt + content.length) / 8) * 8);
  header.writeUInt32LE(type, 0);
  header.writeUInt32LE(attribute.length, 4);
  header.writeUInt8(value === undefined ? 1 : 0, 8);
  header.writeUInt8(name.length, 9);
  header.writeUInt16LE(header.length, 10);
  header.writeUInt16LE(flags, 12);
  header.writeUInt16LE(id, 14);
  if (value === undefined) header.writeUInt16LE(valueAt, 0x20);
  else {
    header.writeUInt32LE(value.length, 0x10);
    header.writeUInt16LE(valueAt, 0x14);
  }
  header.copy(attribute);
  encodedName.copy(attribute, header.length);
  content.copy(attribute, valueAt);
  return attribute;
}

type InClusters = Pick<MadeAttribute, 'runs' | 'first' | 'bytes' | 'validBytes' | 'unit'>;

function clustersOf(
  header: Buffer,
  { runs = [], first = 0, bytes, validBytes, unit = 0 }: InClusters,
): Buffer {
  const clusters = runs.reduce((sum, [length]) => sum + length, 0);
  const size = bytes ?? clusters * bytesOfRecord;
  header.writeBigInt64LE(BigInt(first), 0x10);
  header.writeBigInt64LE(BigInt(first + clusters - 1), 0x18);
  header.writeUInt8(unit, 0x22);
  header.writeBigInt64LE(BigInt(Math.max(size, clusters * bytesOfRecord)), 0x28);
  header.writeBigInt64LE(BigInt(size), 0x30);
  header.writeBigInt64LE(BigInt(validBytes ?? size), 0x38);
  const encoded: Buffer[] = [];
  let last = 0;
  for (const [length, cluster] of runs) {
    const run = Buffer.alloc(cluster === undefined ? 5 : 9);
    run.writeUInt8(cluster === undefined ? 0x04 : 0x44, 0);
    run.writeInt32LE(length, 1);
    if (cluster !== undefined) run.writeInt32LE(cluster - last, 5);
    last = cluster ?? last;
    encoded.push(run);
  }
  return Buffer.concat([...encoded, Buffer.alloc(1)]);
}

/** A list of where attributes are: type, place of the first cluster, record and id of each. */
export function attributeList(
  image: Buffer,
  entries: readonly {
    readonly type: number;
    readonly first?: number;
    readonly record: number;
    readonly id?: number;
  }[],
): MadeAttribute {
  const list = entries.map(({ type, first = 0, record, id = 0 }) => {
    const entry = Buffer.alloc(32);
    entry.writeUInt32LE(type, 0);
    entry.writeUInt16LE(32, 4);
    entry.writeUInt8(26, 7);
    entry.writeBigInt64LE(BigInt(first), 8);
    entry.set(reference(image, record), 16);
    entry.writeUInt16LE(id, 24);
    return entry;
  });
  return { type: 0x20, value: Buffer.concat(list) };
}

/** An entry of a directory: the file that it names, and the block of those before it. The last of a node has no name. */
export interface MadeEntry {
  readonly name?: string;
  readonly record?: number;
  readonly child?: number;
}

function encodeEntry(image: Buffer, { name, record = 0, child }: MadeEntry): Buffer {
  const key = Buffer.alloc(name === undefined ? 0 : 0x42 + 2 * name.length);
  const length = Math.ceil((16 + key.length) / 8) * 8 + (child === undefined ? 0 : 8);
  const entry = Buffer.alloc(length);
  if (name !== undefined) {
    key.writeUInt8(name.length, 0x40);
    key.writeUInt8(1, 0x41);
    key.write(name, 0x42, 'utf16le');
    entry.set(reference(image, record), 0);
  }
  entry.writeUInt16LE(length, 8);
  entry.writeUInt16LE(key.length, 10);
  entry.writeUInt16LE((child === undefined ? 0 : 1) | (name === undefined ? 2 : 0), 12);
  key.copy(entry, 16);
  if (child !== undefined) entry.writeBigInt64LE(BigInt(child), length - 8);
  return entry;
}

function encodeNode(image: Buffer, entries: readonly MadeEntry[], first: number): Buffer {
  const body = Buffer.concat(entries.map((entry) => encodeEntry(image, entry)));
  const header = Buffer.alloc(first);
  header.writeUInt32LE(first, 0);
  header.writeUInt32LE(first + body.length, 4);
  header.writeUInt32LE(first + body.length, 8);
  return Buffer.concat([header, body]);
}

/** The root of a directory's index, whose blocks have 4,096 bytes. */
export function indexRoot(image: Buffer, entries: readonly MadeEntry[]): MadeAttribute {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(0x30, 0);
  header.writeUInt32LE(1, 4);
  header.writeUInt32LE(4096, 8);
  return { type: 0x90, name: '$I30', value: Buffer.concat([header, encodeNode(image, entries, 16)]) };
}

/** Writes a block of an index. @param number - in clusters, as blocks name one another. */
export function writeIndexBlock(
  image: Buffer,
  cluster: number,
  number: number,
  entries: readonly MadeEntry[],
): void {
  const block = image.subarray(cluster * bytesOfRecord, cluster * bytesOfRecord + 4096).fill(0);
  block.write('INDX');
  block.writeUInt16LE(0x28, 4);
  block.writeUInt16LE(9, 6);
  block.writeBigInt64LE(BigInt(number), 0x10);
  encodeNode(image, entries, 0x28).copy(block, 0x18);
  block.writeUInt16LE(7, 0x28);
  mark(block);
}
