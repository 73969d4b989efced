import { DiskDamagedError } from '../errors.ts';
import type { BlockSpan } from '../file-system/content-runs.ts';
import { Fields } from '../source/fields.ts';
import { decodeUtf16 } from './ntfs-names.ts';
import {
  attributeTypes,
  type NtfsAttribute,
  type NtfsRecord,
  type NtfsReference,
  referenceOf,
  runsOf,
} from './ntfs-record.ts';
import type { NtfsVolume } from './ntfs-volume.ts';

const entryBytes = 26;
/** Of Windows, which refuses a longer one. */
const mostListBytes = 256 * 1024;

/** A record, and the list of those attributes that may be in others; absent if it has all of its own. */
export interface NtfsFile {
  readonly base: NtfsRecord;
  readonly list: readonly ListEntry[] | undefined;
}

interface ListEntry {
  readonly type: number;
  readonly name: string;
  /** The place of its first cluster in the content. */
  readonly first: number;
  readonly at: NtfsReference;
  readonly id: number;
}

/**
 * @param sequence - which use of the record is meant; 0 for any.
 * @throws {@link DiskDamagedError} there is none, or it continues another.
 */
export async function readFile(
  volume: NtfsVolume,
  { record, sequence }: NtfsReference,
  signal?: AbortSignal,
): Promise<NtfsFile> {
  const base = await volume.readRecord(record, signal);
  if (base.base !== undefined)
    throw new DiskDamagedError(`${base.what} is named as a file, but continues record ${base.base.record}`);
  if (sequence !== 0 && sequence !== base.sequence)
    throw new DiskDamagedError(
      `${base.what} is named in its use ${sequence}, but has been used again: ${base.sequence}`,
    );
  return fileOf(volume, base, signal);
}

export async function fileOf(volume: NtfsVolume, base: NtfsRecord, signal?: AbortSignal): Promise<NtfsFile> {
  const list = base.attributes.find(({ type }) => type === attributeTypes.attributeList);
  return { base, list: list && parseList(await readList(volume, list, signal), list.what) };
}

/** A list that is not in its record has clusters, which this record names: a list does not need another. */
async function readList(
  volume: NtfsVolume,
  list: NtfsAttribute,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (list.kind === 'resident') return list.value.bytes;
  if (list.bytes > mostListBytes) throw new DiskDamagedError(`${list.what} has ${list.bytes} bytes`);
  const { clusterBytes, clusters } = volume.geometry;
  const bytes = new Uint8Array(list.bytes);
  for (const run of runsOf(list, clusters)) {
    const at = run.first * clusterBytes;
    const length = Math.min(run.clusters * clusterBytes, list.bytes - at);
    if (length <= 0) break;
    if (run.cluster === undefined) throw new DiskDamagedError(`${list.what} has a hole`);
    bytes.set(await volume.source.read(run.cluster * clusterBytes, length, signal), at);
  }
  return bytes;
}

function parseList(bytes: Uint8Array, what: string): readonly ListEntry[] {
  const fields = new Fields(bytes, what);
  const entries: ListEntry[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = fields.u16(at + 4);
    if (length < entryBytes) throw new DiskDamagedError(`${what} has an entry of ${length} bytes at ${at}`);
    entries.push({
      type: fields.u32(at),
      name: decodeUtf16(fields.slice(at + fields.u8(at + 7), 2 * fields.u8(at + 6))),
      first: fields.u64(at + 8),
      at: referenceOf(fields, at + 16),
      id: fields.u16(at + 24),
    });
    at += length;
  }
  return entries;
}

/**
 * Attributes of a type and name; of one in clusters, its parts in order.
 * @param span - clusters of the content; parts that have none of them are left out.
 */
export async function* partsOf(
  volume: NtfsVolume,
  { base, list }: NtfsFile,
  type: number,
  name = '',
  { signal, span }: { readonly signal?: AbortSignal | undefined; readonly span?: BlockSpan | undefined } = {},
): AsyncGenerator<NtfsAttribute> {
  if (list === undefined) {
    yield* base.attributes.filter((attribute) => attribute.type === type && attribute.name === name);
    return;
  }
  const entries = list.filter((entry) => entry.type === type && entry.name === name);
  let record = base;
  for (const [index, entry] of entries.entries()) {
    const next = entries[index + 1];
    if (span !== undefined && (entry.first >= span.to || (next !== undefined && next.first <= span.from)))
      continue;
    if (entry.at.record !== record.record) record = await readPart(volume, base, entry.at, signal);
    const part = record.attributes.find((attribute) => attribute.type === type && attribute.id === entry.id);
    if (part === undefined)
      throw new DiskDamagedError(
        `${base.what} says that ${record.what} has attribute 0x${type.toString(16)}, which it has not`,
      );
    yield part;
  }
}

/** A record that has attributes of another. It says of which, so that no two files can share it. */
async function readPart(
  volume: NtfsVolume,
  base: NtfsRecord,
  at: NtfsReference,
  signal: AbortSignal | undefined,
): Promise<NtfsRecord> {
  if (at.record === base.record) return base;
  const part = await volume.readRecord(at.record, signal);
  if (part.base?.record !== base.record || part.base.sequence !== base.sequence)
    throw new DiskDamagedError(`${base.what} says that ${part.what} continues it, which it does not`);
  return part;
}

/** The first attribute of a type and name, if there is one. */
export async function findAttribute(
  volume: NtfsVolume,
  file: NtfsFile,
  type: number,
  name = '',
  signal?: AbortSignal,
): Promise<NtfsAttribute | undefined> {
  const first = { signal, span: { from: 0, to: 1 } };
  for await (const attribute of partsOf(volume, file, type, name, first)) {
    if (attribute.kind === 'clusters' && attribute.first !== 0)
      throw new DiskDamagedError(`${attribute.what} does not have its beginning`);
    return attribute;
  }
  return undefined;
}

/** Names of the streams that a file has beside its content, in the order of the disk. */
export function streamsOf({ base, list }: NtfsFile): readonly string[] {
  const names = (list ?? base.attributes)
    .filter(({ type, name }) => type === attributeTypes.data && name !== '')
    .map(({ name }) => name);
  return [...new Set(names)];
}
