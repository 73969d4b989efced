import { DiskDamagedError } from '../errors.ts';
import { CollectedDamage } from '../file-system/collected-damage.ts';
import type { DirectoryEntry, NodeKind } from '../file-system/file-system.ts';
import { isDots, isPossibleName } from '../file-system/names.ts';
import { Fields } from '../source/fields.ts';
import { readValue } from './ntfs-content.ts';
import { findAttribute, type NtfsFile, readFile } from './ntfs-file.ts';
import { listIndex, openIndex, searchIndex } from './ntfs-index.ts';
import { decodeUtf16, encodeWtf8 } from './ntfs-names.ts';
import { attributeTypes, nodeId, type NtfsReference, referenceOf } from './ntfs-record.ts';
import { isLinkTag } from './ntfs-reparse.ts';
import type { NtfsVolume } from './ntfs-volume.ts';

const directoryIndex = '$I30';
/** Files of the file system itself, and the root, have the first records. */
export const ownRecords = 16;
export const rootRecord = 5;
const upCaseRecord = 10;
/** Of UTF-16. */
const units = 65536;
const dosName = 2;

const isDirectory = 0x10000000;
const isReparsePoint = 0x400;

interface NtfsName {
  readonly at: NtfsReference;
  readonly name: string;
  readonly kind: NodeKind;
  /** The second name of a file, for programs of DOS. */
  readonly isShort: boolean;
}

/**
 * Entries of a directory, each name once, without files of the file system itself. A damaged block costs its own entries.
 * @throws {@link DiskDamagedError} after all others: a block is damaged, or a name cannot be one.
 */
export async function* listNames(
  volume: NtfsVolume,
  file: NtfsFile,
  signal?: AbortSignal,
): AsyncGenerator<DirectoryEntry> {
  const index = await openIndex(volume, file, directoryIndex, signal);
  const damage = new CollectedDamage();
  for await (const { fields, key } of listIndex(volume, index, signal))
    try {
      const name = parseName(fields, key);
      if (!name.isShort && name.at.record >= ownRecords) yield entryOf(name);
    } catch (error) {
      damage.add(error);
    }
  damage.throwIfAny();
}

/**
 * The entry of a name, of whatever case: the one that is the same, or else the first that differs in case alone. The
 * short names and the file system's own files are found, too.
 */
export async function findByName(
  volume: NtfsVolume,
  file: NtfsFile,
  wanted: string,
  signal?: AbortSignal,
): Promise<DirectoryEntry | undefined> {
  let other: NtfsName | undefined;
  for await (const name of namesLike(volume, file, wanted, signal)) {
    if (name.name === wanted) return entryOf(name);
    other ??= name;
  }
  return other && entryOf(other);
}

/** By the index; by reading all of the directory if that is damaged, or the order of its names is not known. */
async function* namesLike(
  volume: NtfsVolume,
  file: NtfsFile,
  wanted: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<NtfsName> {
  const index = await openIndex(volume, file, directoryIndex, signal);
  const upCase = await readUpCase(volume, signal);
  const compare = (key: Fields): number => compareNames(wanted, nameIn(key), upCase);
  try {
    if (upCase !== undefined) {
      for await (const { fields, key } of searchIndex(volume, index, compare, signal))
        yield parseName(fields, key);
      return;
    }
  } catch (error) {
    if (!(error instanceof DiskDamagedError)) throw error;
  }
  for await (const { fields, key } of listIndex(volume, index, signal))
    if (compare(key) === 0) yield parseName(fields, key);
}

function parseName(fields: Fields, key: Fields): NtfsName {
  const name = nameIn(key);
  const flags = key.u32(0x38);
  const isLink = (flags & isReparsePoint) !== 0 && isLinkTag(key.u32(0x3c));
  return {
    at: referenceOf(fields, 0),
    name,
    kind: isLink ? 'link' : (flags & isDirectory) === 0 ? 'file' : 'directory',
    isShort: key.u8(0x41) === dosName,
  };
}

function nameIn(key: Fields): string {
  return decodeUtf16(key.slice(0x42, 2 * key.u8(0x40)));
}

function entryOf({ at, name: text, kind }: NtfsName): DirectoryEntry {
  const name = encodeWtf8(text);
  if (!isPossibleName(name) || isDots(name))
    throw new DiskDamagedError(
      `record ${at.record} has a name that no system can have written: ${JSON.stringify(text)}`,
    );
  return { name, id: nodeId(at), kind };
}

/** The order of names, in which those that differ in case alone are the same: by units of UTF-16, letters as capitals. */
export function compareNames(one: string, other: string, upCase: Uint16Array | undefined): number {
  const capital = (unit: number): number => upCase?.[unit] ?? unit;
  const shared = Math.min(one.length, other.length);
  for (let at = 0; at < shared; at += 1) {
    const order = capital(one.charCodeAt(at)) - capital(other.charCodeAt(at));
    if (order !== 0) return order;
  }
  return one.length - other.length;
}

/**
 * The capital of each unit of UTF-16, of which every file system has a table.
 * @returns `undefined` if it is damaged, which is told of.
 */
export async function readUpCase(volume: NtfsVolume, signal?: AbortSignal): Promise<Uint16Array | undefined> {
  try {
    volume.upCase ??= await readTable(volume, signal);
  } catch (error) {
    if (!(error instanceof DiskDamagedError)) throw error;
    volume.notices.add(`${error.message}; names are found in their own case alone`);
  }
  return volume.upCase;
}

async function readTable(volume: NtfsVolume, signal: AbortSignal | undefined): Promise<Uint16Array> {
  const file = await readFile(volume, { record: upCaseRecord, sequence: 0 }, signal);
  const content = await findAttribute(volume, file, attributeTypes.data, '', signal);
  const bytes = content && (await readValue(volume, file, content, 2 * units, signal));
  if (bytes?.length !== 2 * units)
    throw new DiskDamagedError(`${file.base.what}, the table of capital letters, has ${bytes?.length} bytes`);
  const fields = new Fields(bytes, file.base.what);
  return Uint16Array.from({ length: units }, (_, unit) => fields.u16(2 * unit));
}
