import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import { cacheBlocks } from '../source/block-cache.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { Fields } from '../source/fields.ts';

/** Cells are counted from the end of the base block. */
const baseBytes = 4096;
const checkedBytes = 508;
const version = { major: 1, minors: [3, 4, 5, 6] } as const;
const compressedName = 0x20;
const predefinedHandle = 0x40;
const compressedValueName = 1;
const inPlace = 0x80000000;
/** A longer value is in several cells. */
const mostValueBytes = 16_344;
/** Far more than Windows has in one key, so that a list cannot keep a reader for long. */
const mostSubkeys = 2 ** 16;
const mostValues = 2 ** 16;
/** Windows has no longer names: of 255 and 16,383 characters. */
const mostNameBytes = { key: 2 * 255, value: 2 * 16_383 } as const;

/** A file of Windows' registry. */
interface Hive {
  /** It was being written, or its newest changes are in its logs alone: what is read may be as it was before. */
  readonly isDirty: boolean;
  /** The key at a path below the root, whatever the case of its names. */
  find(path: readonly string[], signal?: AbortSignal): Promise<HiveKey | undefined>;
}

interface HiveKey {
  readonly name: string;
  values(signal?: AbortSignal): AsyncIterable<HiveValue>;
}

export interface HiveValue {
  readonly name: string;
  /** As Windows numbers them: 3 is bytes. */
  readonly type: number;
  readonly bytes: number;
  /** @throws {@link DiskUnsupportedError} it has more than 16,344 bytes. */
  read(signal?: AbortSignal): Promise<Uint8Array>;
}

/**
 * Opens a file of Windows' registry, of Windows NT 4 and later. Its logs are not replayed.
 * @throws {@link DiskDamagedError} it does not begin as one.
 * @throws {@link DiskUnsupportedError} it is of another version.
 * @see https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
 */
export async function openHive(source: ByteSource, signal?: AbortSignal): Promise<Hive> {
  if (source.bytes < baseBytes) throw new DiskDamagedError(`a registry hive has ${source.bytes} bytes`);
  const cells = cacheBlocks(source, { blockBytes: 4096, blocks: 256 });
  const base = new Fields(await cells.read(0, 512, signal), 'the base block of the registry hive');
  if (!base.has(0, 'regf')) throw new DiskDamagedError(`${base.what} has no signature`);
  if (base.u32(checkedBytes) !== checksumOf(base))
    throw new DiskDamagedError(`${base.what} does not have its checksum`);
  const [major, minor] = [base.u32(20), base.u32(24)];
  if (major !== version.major || !version.minors.some((known) => known === minor))
    throw new DiskUnsupportedError(`registry hive of version ${major}.${minor}`);
  if (base.u32(28) !== 0) throw new DiskDamagedError(`${base.what} says that it is that of a log`);
  const bins: CellPlace = { source: cells, bytes: Math.min(base.u32(40), source.bytes - baseBytes) };
  const root = base.u32(36);
  return {
    isDirty: base.u32(4) !== base.u32(8),
    find: async (path, findSignal) => {
      let key: KeyNode | undefined = await readKey(bins, root, findSignal);
      for (const name of path) key = key && (await findSubkey(bins, key, name, findSignal));
      const found = key;
      return found && { name: found.name, values: (listSignal) => listValues(bins, found, listSignal) };
    },
  };
}

function checksumOf(base: Fields): number {
  let sum = 0;
  for (let at = 0; at < checkedBytes; at += 4) sum ^= base.u32(at);
  sum >>>= 0;
  // Neither all ones nor zero is ever stored.
  if (sum === 0xffffffff) return 0xfffffffe;
  return sum === 0 ? 1 : sum;
}

interface CellPlace {
  readonly source: ByteSource;
  /** The size of all bins of cells, which lie behind the base block. */
  readonly bytes: number;
}

interface KeyNode {
  readonly what: string;
  readonly name: string;
  readonly subkeys: { readonly count: number; readonly at: number };
  readonly values: { readonly count: number; readonly at: number };
}

/** The content of a cell that is in use, or as much of its beginning as is asked for. */
async function readCell(
  { source, bytes }: CellPlace,
  at: number,
  what: string,
  most: number,
  signal: AbortSignal | undefined,
): Promise<Fields> {
  if (at % 8 !== 0 || at + 8 > bytes)
    throw new DiskDamagedError(`${what} is said to be at byte ${at} of ${bytes} of the registry hive`);
  const head = new Fields(await source.read(baseBytes + at, 4, signal), what);
  const length = -head.i32(0);
  if (length < 8 || length % 8 !== 0 || at + length > bytes)
    throw new DiskDamagedError(`${what} has ${length} bytes from byte ${at} of the registry hive on`);
  const content = await source.read(baseBytes + at + 4, Math.min(length - 4, most), signal);
  return new Fields(content, `${what} at byte ${at} of the registry hive`);
}

async function readKey(bins: CellPlace, at: number, signal: AbortSignal | undefined): Promise<KeyNode> {
  const fields = await readCell(bins, at, 'a key', 76 + mostNameBytes.key, signal);
  if (!fields.has(0, 'nk')) throw new DiskDamagedError(`${fields.what} has no signature`);
  const flags = fields.u16(2);
  return {
    what: fields.what,
    name: textOf(fields.slice(76, fields.u16(72)), (flags & compressedName) !== 0),
    subkeys: { count: fields.u32(20), at: fields.u32(28) },
    // Of a predefined handle, the number stands in place of the count.
    values: { count: (flags & predefinedHandle) === 0 ? fields.u32(36) : 0, at: fields.u32(40) },
  };
}

async function findSubkey(
  bins: CellPlace,
  { what, subkeys }: KeyNode,
  name: string,
  signal: AbortSignal | undefined,
): Promise<KeyNode | undefined> {
  if (subkeys.count === 0) return undefined;
  if (subkeys.count > mostSubkeys)
    throw new DiskDamagedError(`${what} says that it has ${subkeys.count} subkeys`);
  let listed = 0;
  for await (const at of listSubkeys(bins, subkeys.at, { mayBeRoot: true }, signal)) {
    listed += 1;
    if (listed > subkeys.count) break;
    const key = await readKey(bins, at, signal);
    if (key.name.toUpperCase() === name.toUpperCase()) return key;
  }
  if (listed !== subkeys.count)
    throw new DiskDamagedError(`${what} has ${subkeys.count} subkeys, and a list of another number`);
  return undefined;
}

/** Bytes of an entry of a list of subkeys; some have a hint at the name behind the place. */
const entryBytes: Readonly<Record<string, number>> = { li: 4, lf: 8, lh: 8, ri: 4 };
const mostListBytes = 4 + 8 * 65_535;

/** Places of subkeys, by a list of them or a list of such lists, which lies no deeper than that. */
async function* listSubkeys(
  bins: CellPlace,
  listAt: number,
  { mayBeRoot }: { readonly mayBeRoot: boolean },
  signal: AbortSignal | undefined,
): AsyncGenerator<number> {
  const list = await readCell(bins, listAt, 'a list of subkeys', mostListBytes, signal);
  const kind = list.text(0, 2);
  const bytes = entryBytes[kind];
  if (bytes === undefined || (kind === 'ri' && !mayBeRoot))
    throw new DiskDamagedError(`${list.what} is of kind ${JSON.stringify(kind)}`);
  const entries = new Fields(list.slice(4, list.u16(2) * bytes), list.what);
  for (let at = 0; at < entries.bytes.length; at += bytes) {
    const below = entries.u32(at);
    if (kind === 'ri') yield* listSubkeys(bins, below, { mayBeRoot: false }, signal);
    else yield below;
  }
}

async function* listValues(
  bins: CellPlace,
  { what, values: { count, at } }: KeyNode,
  signal: AbortSignal | undefined,
): AsyncGenerator<HiveValue> {
  if (count === 0) return;
  if (count > mostValues) throw new DiskDamagedError(`${what} says that it has ${count} values`);
  const list = await readCell(bins, at, 'a list of values', 4 * count, signal);
  for (let entry = 0; entry < count; entry += 1) yield await readValue(bins, list.u32(4 * entry), signal);
}

async function readValue(bins: CellPlace, at: number, signal: AbortSignal | undefined): Promise<HiveValue> {
  const fields = await readCell(bins, at, 'a value', 20 + mostNameBytes.value, signal);
  if (!fields.has(0, 'vk')) throw new DiskDamagedError(`${fields.what} has no signature`);
  const size = fields.u32(4);
  const bytes = size >= inPlace ? size - inPlace : size;
  return {
    name: textOf(fields.slice(20, fields.u16(2)), (fields.u16(16) & compressedValueName) !== 0),
    type: fields.u32(12),
    bytes,
    read: async (readSignal) => {
      if (bytes === 0) return new Uint8Array();
      if (size >= inPlace && bytes > 4)
        throw new DiskDamagedError(`${fields.what} has ${bytes} bytes where 4 have room`);
      if (size >= inPlace) return fields.slice(8, bytes);
      if (bytes > mostValueBytes)
        throw new DiskUnsupportedError(`a registry value of ${bytes} bytes, in several cells,`);
      const content = await readCell(bins, fields.u32(8), 'the content of a value', bytes, readSignal);
      return content.slice(0, bytes);
    },
  };
}

/** Names are stored in a byte a character where that is enough. */
function textOf(bytes: Uint8Array, isCompressed: boolean): string {
  return isCompressed ? String.fromCharCode(...bytes) : new TextDecoder('utf-16le').decode(bytes);
}
