import { DiskDamagedError } from '../errors.ts';
import { Fields } from '../source/fields.ts';
import { decodeUtf16 } from './ntfs-names.ts';

/** Types of attributes, which are all that a file consists of. */
export const attributeTypes = {
  standardInformation: 0x10,
  attributeList: 0x20,
  fileName: 0x30,
  securityDescriptor: 0x50,
  volumeName: 0x60,
  volumeInformation: 0x70,
  data: 0x80,
  indexRoot: 0x90,
  indexAllocation: 0xa0,
  bitmap: 0xb0,
  reparsePoint: 0xc0,
  extendedAttributes: 0xe0,
} as const;
const endOfAttributes = 0xffffffff;

/** Number of a record, and how often it was used again: a name of an older use is none. */
export interface NtfsReference {
  readonly record: number;
  readonly sequence: number;
}

export interface NtfsRecord extends NtfsReference {
  readonly what: string;
  readonly isDirectory: boolean;
  /** Absent of all but records that continue another one. */
  readonly base: NtfsReference | undefined;
  readonly attributes: readonly NtfsAttribute[];
}

/** An attribute, or a part of one that several records have. */
export type NtfsAttribute = {
  readonly what: string;
  readonly type: number;
  readonly name: string;
  /** Unique in its record. */
  readonly id: number;
  readonly isEncrypted: boolean;
  /** Method by which its content is compressed; 0 for none. */
  readonly compression: number;
} & (ResidentValue | ClusterValue);

/** The content is in the record. */
interface ResidentValue {
  readonly kind: 'resident';
  readonly value: Fields;
}

/** The content is in clusters, of which a part of the attribute names some. */
interface ClusterValue {
  readonly kind: 'clusters';
  /** The place of the first and the last one in the content; the last is -1 if there are none. */
  readonly first: number;
  readonly last: number;
  /** Encoded stretches of clusters. */
  readonly runs: Fields;
  /** Clusters that are compressed together. */
  readonly unit: number;
  readonly bytes: number;
  /** Written up to here; the rest is zeros, whatever is in its clusters. */
  readonly validBytes: number;
}

/** Clusters that follow one another. */
export interface ClusterRun {
  /** Place of the first one in the content. */
  readonly first: number;
  readonly clusters: number;
  /** The number of the first one on the disk; absent of a hole. */
  readonly cluster: number | undefined;
}

export function referenceOf(fields: Fields, at: number): NtfsReference {
  return {
    record: fields.wide(fields.u32(at), fields.u16(at + 4)),
    sequence: fields.u16(at + 6),
  };
}

const recordsInId = 2 ** 32;
const sequencesInId = 2 ** 16;

/**
 * A reference as one number: streams count from 1, 0 is the file itself. Windows has no more than 2^32 records.
 */
export function nodeId({ record, sequence }: NtfsReference, stream = 0): number {
  if (record >= recordsInId)
    throw new DiskDamagedError(`record ${record} is named, which no system can have`);
  // A stream was found in a file, so that the sequence needs no second look; a number has no room for both.
  const high = stream === 0 ? sequence : sequencesInId + stream;
  return high * recordsInId + record;
}

/** @returns the sequence 0 of any use of a record. */
export function parseNodeId(id: number): NtfsReference & { readonly stream: number } {
  const high = Math.floor(id / recordsInId);
  const record = id % recordsInId;
  return high < sequencesInId
    ? { record, sequence: high, stream: 0 }
    : { record, sequence: 0, stream: high - sequencesInId };
}

/**
 * Takes a record of the master file table apart.
 * @throws {@link DiskDamagedError} it is of no use, or was not written as a whole.
 */
export function parseRecord(bytes: Uint8Array, number: number): NtfsRecord {
  const what = `record ${number}`;
  const fields = mendRecord(bytes, 'FILE', what);
  const used = fields.u32(0x18);
  if ((fields.u16(0x16) & 1) === 0) throw new DiskDamagedError(`${what} is not in use`);
  if (used > fields.bytes.length)
    throw new DiskDamagedError(`${what} says that ${used} of its ${fields.bytes.length} bytes are used`);
  const base = referenceOf(fields, 0x20);
  const attributes: NtfsAttribute[] = [];
  for (let at = fields.u16(0x14); fields.u32(at) !== endOfAttributes;) {
    const length = fields.u32(at + 4);
    if (length < 0x18 || length % 8 !== 0 || at + length > used)
      throw new DiskDamagedError(`${what} has an attribute of ${length} bytes at ${at}`);
    attributes.push(parseAttribute(new Fields(fields.slice(at, length), what)));
    at += length;
  }
  return {
    record: number,
    sequence: fields.u16(0x10),
    what,
    isDirectory: (fields.u16(0x16) & 2) !== 0,
    base: base.record === 0 && base.sequence === 0 ? undefined : base,
    attributes,
  };
}

const strideBytes = 512;

/**
 * Puts the last two bytes of each 512 back, in whose place a number stands that is the same in all of them if they were
 * written together.
 * @throws {@link DiskDamagedError} they were not, or the record is not what its kind says.
 */
export function mendRecord(stored: Uint8Array, kind: 'FILE' | 'INDX' | 'RSTR', what: string): Fields {
  const fields = new Fields(new Uint8Array(stored), what);
  if (!fields.has(0, kind)) {
    const found = fields.has(0, 'BAAD') ? 'is marked as damaged' : `does not begin with ${kind}`;
    throw new DiskDamagedError(`${what} ${found}`);
  }
  const table = fields.u16(4);
  const strides = fields.bytes.length / strideBytes;
  if (fields.u16(6) !== strides + 1 || table + 2 * (strides + 1) > strideBytes)
    throw new DiskDamagedError(`${what} has fix-ups for ${fields.u16(6) - 1} of ${strides} sectors`);
  for (let stride = 0; stride < strides; stride += 1) {
    const end = (stride + 1) * strideBytes - 2;
    if (fields.u16(end) !== fields.u16(table))
      throw new DiskDamagedError(
        `${what} was not written as a whole, or is damaged: sector ${stride} does not have its fix-up`,
      );
    fields.bytes.set(fields.slice(table + 2 * (stride + 1), 2), end);
  }
  return fields;
}

function parseAttribute(fields: Fields): NtfsAttribute {
  const type = fields.u32(0);
  const flags = fields.u16(0x0c);
  const attribute = {
    what: `attribute 0x${type.toString(16)} of ${fields.what}`,
    type,
    name: decodeUtf16(fields.slice(fields.u16(0x0a), 2 * fields.u8(0x09))),
    id: fields.u16(0x0e),
    isEncrypted: (flags & 0x4000) !== 0,
    compression: flags & 0xff,
  };
  if (fields.u8(0x08) === 0) {
    const value = new Fields(fields.slice(fields.u16(0x14), fields.u32(0x10)), attribute.what);
    return { ...attribute, kind: 'resident', value };
  }
  const first = fields.u64(0x10);
  const isEmpty = fields.u32(0x18) === 0xffffffff && fields.u32(0x1c) === 0xffffffff;
  const runsAt = fields.u16(0x20);
  return {
    ...attribute,
    kind: 'clusters',
    first,
    last: isEmpty ? -1 : fields.u64(0x18),
    runs: new Fields(fields.slice(runsAt, fields.bytes.length - runsAt), attribute.what),
    unit: 2 ** fields.u8(0x22),
    // Only the first part says how large all of it is.
    ...(first === 0 ? sizesOf(fields, attribute.what) : { bytes: 0, validBytes: 0 }),
  };
}

function sizesOf(fields: Fields, what: string): { readonly bytes: number; readonly validBytes: number } {
  const [allocated, bytes, validBytes] = [fields.u64(0x28), fields.u64(0x30), fields.u64(0x38)];
  if (bytes > allocated || validBytes > bytes)
    throw new DiskDamagedError(
      `${what} has ${bytes} bytes, ${validBytes} of them written, in room for ${allocated}`,
    );
  return { bytes, validBytes };
}

/**
 * The clusters of a part of an attribute.
 * @param clusters - those that the file system has.
 * @throws {@link DiskDamagedError} they are outside of the file system, or not as many as the part says.
 */
export function runsOf(part: NtfsAttribute & ClusterValue, clusters: number): readonly ClusterRun[] {
  const runs: ClusterRun[] = [];
  const { runs: fields, what } = part;
  let first = part.first;
  let cluster = 0;
  for (let at = 0; first <= part.last;) {
    const header = fields.u8(at);
    const [lengthBytes, moveBytes] = [header & 0xf, header >> 4];
    const length = signed(fields, at + 1, lengthBytes);
    if (length <= 0 || first + length > part.last + 1)
      throw new DiskDamagedError(`${what} has a run of ${length} clusters at ${first} of ${part.last + 1}`);
    cluster += signed(fields, at + 1 + lengthBytes, moveBytes);
    const isHole = moveBytes === 0;
    if (!isHole && (cluster < 0 || cluster + length > clusters))
      throw new DiskDamagedError(`${what} has clusters at ${cluster} of a file system of ${clusters}`);
    runs.push({ first, clusters: length, cluster: isHole ? undefined : cluster });
    first += length;
    at += 1 + lengthBytes + moveBytes;
  }
  return runs;
}

/** A number of some bytes, the highest of which has its sign. */
function signed(fields: Fields, at: number, bytes: number): number {
  if (bytes > 8) throw new DiskDamagedError(`${fields.what} has a number of ${bytes} bytes`);
  if (bytes === 0) return 0;
  // From the signed byte on, so that nothing on the way is larger than the number itself.
  let value = (fields.u8(at + bytes - 1) << 24) >> 24;
  for (let index = bytes - 2; index >= 0; index -= 1) value = value * 256 + fields.u8(at + index);
  if (!Number.isSafeInteger(value)) throw new DiskDamagedError(`${fields.what} has a number of 2^53 or more`);
  return value;
}
