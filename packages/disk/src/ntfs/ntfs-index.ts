import { DiskDamagedError } from '../errors.ts';
import { CollectedDamage } from '../file-system/collected-damage.ts';
import { Fields } from '../source/fields.ts';
import { findAttribute, type NtfsFile } from './ntfs-file.ts';
import { bytesOf, readPiece, setBits } from './ntfs-content.ts';
import { attributeTypes, mendRecord, type NtfsAttribute } from './ntfs-record.ts';
import type { NtfsVolume } from './ntfs-volume.ts';

const entryHeaderBytes = 16;
const hasChild = 1;
const isLast = 2;
/** Offset of the header in index blocks; in roots it begins at the other. */
const blockHeaderAt = 0x18;
const rootHeaderAt = 0x10;
const sectorBytes = 512;
const leastBlockBytes = 512;
const mostBlockBytes = 65536;
/** Far above what the largest index needs: a block has no fewer than six entries of the longest names. */
const mostLevels = 16;

/** A tree of entries in the order of their keys: the root in a record, all other nodes in blocks. */
export interface NtfsIndex {
  readonly what: string;
  readonly root: Fields;
  readonly blockBytes: number;
  /** Absent if the root has all entries. */
  readonly blocks: NtfsAttribute | undefined;
  readonly file: NtfsFile;
  readonly name: string;
}

export interface IndexEntry {
  /** All of it; its key begins at byte 16. */
  readonly fields: Fields;
  readonly key: Fields;
}

/** An entry, and the block of entries that come before it; the last of a node has nothing but this. */
interface NodeEntry {
  readonly entry: IndexEntry | undefined;
  readonly child: number | undefined;
}

/** @param name - `$I30` of directories. */
export async function openIndex(
  volume: NtfsVolume,
  file: NtfsFile,
  name: string,
  signal?: AbortSignal,
): Promise<NtfsIndex> {
  const what = `index ${name} of ${file.base.what}`;
  const root = await findAttribute(volume, file, attributeTypes.indexRoot, name, signal);
  if (root?.kind !== 'resident') throw new DiskDamagedError(`${what} has no root`);
  const blockBytes = root.value.u32(8);
  if (blockBytes < leastBlockBytes || blockBytes > mostBlockBytes || (blockBytes & (blockBytes - 1)) !== 0)
    throw new DiskDamagedError(`${what} has blocks of ${blockBytes} bytes`);
  const blocks = await findAttribute(volume, file, attributeTypes.indexAllocation, name, signal);
  if (blocks !== undefined && bytesOf(blocks) > volume.geometry.bytes)
    throw new DiskDamagedError(`${what} has ${bytesOf(blocks)} bytes of blocks, more than the file system`);
  return {
    what,
    root: new Fields(root.value.bytes.subarray(rootHeaderAt), what),
    blockBytes,
    blocks,
    file,
    name,
  };
}

/**
 * Entries of an index, not in order: those of the root, and those of each block that is in use. A damaged block costs its
 * own entries.
 * @throws {@link DiskDamagedError} after all others: a block is damaged.
 */
export async function* listIndex(
  volume: NtfsVolume,
  index: NtfsIndex,
  signal?: AbortSignal,
): AsyncGenerator<IndexEntry> {
  const damage = new CollectedDamage();
  for (const { entry } of entriesOf(index.root)) if (entry !== undefined) yield entry;
  for await (const at of usedBlocks(volume, index, signal))
    try {
      for (const { entry } of entriesOf(await readBlock(volume, index, at, signal)))
        if (entry !== undefined) yield entry;
    } catch (error) {
      damage.add(error);
    }
  damage.throwIfAny();
}

/** Offsets of the blocks that are in use, as the index's bitmap has them. */
async function* usedBlocks(
  volume: NtfsVolume,
  { blocks, blockBytes, file, name, what }: NtfsIndex,
  signal: AbortSignal | undefined,
): AsyncGenerator<number> {
  if (blocks === undefined) return;
  const bitmap = await findAttribute(volume, file, attributeTypes.bitmap, name, signal);
  if (bitmap === undefined) throw new DiskDamagedError(`${what} has no bitmap`);
  const count = Math.floor(bytesOf(blocks) / blockBytes);
  for await (const bit of setBits(volume, file, bitmap, count, signal)) yield bit * blockBytes;
}

/**
 * Entries that a key can be, in order.
 * @param compare - less than zero if what is looked for comes before a key, zero if it may be this one.
 * @throws {@link DiskDamagedError} the tree cannot be followed; it can still be listed.
 */
export async function* searchIndex(
  volume: NtfsVolume,
  index: NtfsIndex,
  compare: (key: Fields) => number,
  signal?: AbortSignal,
): AsyncGenerator<IndexEntry> {
  const met = new Set<number>();
  yield* follow(index.root, 0);

  async function* follow(node: Fields, level: number): AsyncGenerator<IndexEntry> {
    if (level > mostLevels) throw new DiskDamagedError(`${index.what} has more than ${mostLevels} levels`);
    for (const { entry, child } of entriesOf(node)) {
      const order = entry === undefined ? -1 : compare(entry.key);
      if (order > 0) continue;
      if (child !== undefined) {
        const at = child * numberBytes(volume, index);
        if (met.has(at)) throw new DiskDamagedError(`${index.what} leads to its block at byte ${at} twice`);
        met.add(at);
        yield* follow(await readBlock(volume, index, at, signal), level + 1);
      }
      if (order < 0 || entry === undefined) return;
      yield entry;
    }
  }
}

/** The unit in which blocks are numbered: clusters, or sectors if a cluster is larger than a block. */
function numberBytes({ geometry: { clusterBytes } }: NtfsVolume, { blockBytes }: NtfsIndex): number {
  return clusterBytes <= blockBytes ? clusterBytes : sectorBytes;
}

async function readBlock(
  volume: NtfsVolume,
  index: NtfsIndex,
  at: number,
  signal: AbortSignal | undefined,
): Promise<Fields> {
  const { blocks, blockBytes, file } = index;
  const what = `${index.what}, block at byte ${at},`;
  if (blocks === undefined) throw new DiskDamagedError(`${what} is named, but there are no blocks`);
  const stored = await readPiece(volume, file, blocks, at, blockBytes, signal);
  const block = mendRecord(stored, 'INDX', what);
  if (block.u64(0x10) * numberBytes(volume, index) !== at)
    throw new DiskDamagedError(`${what} says that it is block ${block.u64(0x10)}`);
  return new Fields(block.bytes.subarray(blockHeaderAt), what);
}

/** Entries of a node, given from its header on. */
function* entriesOf(node: Fields): Generator<NodeEntry> {
  const used = node.u32(4);
  for (let at = node.u32(0); ;) {
    const length = node.u16(at + 8);
    const flags = node.u16(at + 12);
    const keyBytes = (flags & isLast) === 0 ? node.u16(at + 10) : 0;
    const childBytes = (flags & hasChild) === 0 ? 0 : 8;
    if (entryHeaderBytes + keyBytes + childBytes > length || at + length > used)
      throw new DiskDamagedError(`${node.what} has an entry of ${length} bytes at ${at} of ${used}`);
    const fields = new Fields(node.slice(at, length), node.what);
    const child = childBytes === 0 ? undefined : fields.u64(length - childBytes);
    if ((flags & isLast) !== 0) {
      yield { entry: undefined, child };
      return;
    }
    yield { entry: { fields, key: new Fields(fields.slice(entryHeaderBytes, keyBytes), node.what) }, child };
    at += length;
  }
}
