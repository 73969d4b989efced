import { DiskDamagedError } from '../errors.ts';
import { CollectedDamage } from '../file-system/collected-damage.ts';
import type { DirectoryEntry, NodeKind } from '../file-system/file-system.ts';
import { isDots, isPossibleName, isSameName } from '../file-system/names.ts';
import { kindOfEntry } from '../file-system/node-kinds.ts';
import type { Fields } from '../source/fields.ts';
import { findAddresses, indexAt } from './xfs-directory-index.ts';
import { readXfsRuns, readForkBlocks } from './xfs-fork-blocks.ts';
import type { XfsInode } from './xfs-inode.ts';
import type { XfsVolume } from './xfs-volume.ts';

/** Blocks that also have their own index, and those of larger directories, of which it is elsewhere. */
const magics = { old: ['XD2B', 'XD2D'], named: ['XDB3', 'XDD3'] } as const;
const headerBytes = { old: 16, named: 64 } as const;
const identityPlaces = { crc: 4, place: 8, uuid: 24, owner: 40 } as const;
/** At the end of blocks with an index: the counts of its entries and of those that are unused. */
const tailBytes = 8;
const indexEntryBytes = 8;
const freeTag = 0xffff;

/**
 * Entries of a directory in the order of the disk, block by block. A damaged block costs its own entries.
 * @throws {@link DiskDamagedError} after all others: a block is damaged.
 */
export async function* listXfsDirectory(
  volume: XfsVolume,
  inode: XfsInode,
  signal?: AbortSignal,
): AsyncGenerator<DirectoryEntry> {
  if (inode.content.format === 'local') {
    yield* shortEntries(volume, inode);
    return;
  }
  const { directoryBlockBytes } = volume.superblock;
  checkSize(volume, inode);
  const damage = new CollectedDamage();
  let next = 0;
  // Blocks that became empty are holes.
  for await (const run of readXfsRuns(volume, inode, {}, signal)) {
    if (run.kind === 'hole') continue;
    const end = Math.ceil((run.offset + run.bytes) / directoryBlockBytes);
    for (let index = Math.max(next, Math.floor(run.offset / directoryBlockBytes)); index < end; index += 1) {
      next = index + 1;
      try {
        yield* entriesOf(volume, await readDirectoryBlock(volume, inode, index, signal));
      } catch (error) {
        damage.add(error);
      }
    }
  }
  damage.throwIfAny();
}

/** The entry of a name. A large directory is looked up in its index; if that is damaged, all of it is read. */
export async function findInXfsDirectory(
  volume: XfsVolume,
  inode: XfsInode,
  name: Uint8Array,
  signal?: AbortSignal,
): Promise<DirectoryEntry | undefined> {
  // Indexes of names without case are by what the names fold to.
  if (inode.bytes > volume.superblock.directoryBlockBytes && !volume.has('ascii_ci')) {
    try {
      return await findByIndex(volume, inode, name, signal);
    } catch (error) {
      if (!(error instanceof DiskDamagedError)) throw error;
    }
  }
  for await (const entry of listXfsDirectory(volume, inode, signal))
    if (isSameName(entry.name, name)) return entry;
  return undefined;
}

async function findByIndex(
  volume: XfsVolume,
  inode: XfsInode,
  name: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<DirectoryEntry | undefined> {
  const { directoryBlockBytes } = volume.superblock;
  checkSize(volume, inode);
  for await (const address of findAddresses(volume, inode, name, signal)) {
    const block = await readDirectoryBlock(volume, inode, Math.floor(address / directoryBlockBytes), signal);
    const { entry } = entryAt(volume, block, address % directoryBlockBytes, block.bytes.length);
    if (entry !== undefined && isSameName(entry.name, name)) return entry;
  }
  return undefined;
}

function checkSize(volume: XfsVolume, { number, bytes }: XfsInode): void {
  if (bytes % volume.superblock.directoryBlockBytes !== 0 || bytes > indexAt)
    throw new DiskDamagedError(`directory ${number} has ${bytes} bytes, which are no whole blocks`);
}

async function readDirectoryBlock(
  volume: XfsVolume,
  inode: XfsInode,
  index: number,
  signal: AbortSignal | undefined,
): Promise<Fields> {
  const blocks = volume.superblock.directoryBlockBytes / volume.blockBytes;
  const span = { from: index * blocks, to: (index + 1) * blocks };
  const { at, bytes } = await readForkBlocks(volume, inode.content, span, signal);
  const what = `of directory ${inode.number}`;
  return volume.metadata(bytes, at, { what, owner: inode.number, places: identityPlaces });
}

function* entriesOf(volume: XfsVolume, block: Fields): Generator<DirectoryEntry> {
  const version = volume.isNamed ? 'named' : 'old';
  const [withIndex, without] = magics[version];
  let end = block.bytes.length;
  if (block.has(0, withIndex)) end -= tailBytes + block.u32(end - tailBytes) * indexEntryBytes;
  else if (!block.has(0, without)) throw new DiskDamagedError(`${block.what} has no magic number`);
  for (let at: number = headerBytes[version]; at < end;) {
    const { entry, bytes } = entryAt(volume, block, at, end);
    if (entry !== undefined) yield entry;
    at += bytes;
  }
  if (end < headerBytes[version]) throw new DiskDamagedError(`${block.what} has a larger index than fits`);
}

/** What is at a place of a block, and how long it is; no entry if it is room, or `.` or `..`. */
function entryAt(
  volume: XfsVolume,
  block: Fields,
  at: number,
  end: number,
): { readonly entry: DirectoryEntry | undefined; readonly bytes: number } {
  if (block.u16(at) === freeTag) {
    const bytes = block.u16(at + 2);
    if (bytes === 0 || bytes % 8 !== 0 || at + bytes > end)
      throw new DiskDamagedError(`${block.what} has ${bytes} bytes of room at ${at}`);
    return { entry: undefined, bytes };
  }
  const nameBytes = block.u8(at + 8);
  const kindBytes = volume.has('ftype') ? 1 : 0;
  const bytes = Math.ceil((9 + nameBytes + kindBytes + 2) / 8) * 8;
  // The last two bytes say where it begins.
  if (at + bytes > end || block.u16(at + bytes - 2) !== at)
    throw new DiskDamagedError(`${block.what} has no entry at ${at}, where one should be`);
  const kind = kindBytes === 1 ? kindOfEntry(block.u8(at + 9 + nameBytes)) : undefined;
  return { entry: parseEntry(volume, block, at + 9, nameBytes, block.u64(at), kind), bytes };
}

/** Entries of a directory that is within its inode, each after the place that it would have in a block. */
function* shortEntries(volume: XfsVolume, { content, bytes }: XfsInode): Generator<DirectoryEntry> {
  const { fields } = content;
  const count = fields.u8(0);
  const isWide = fields.u8(1) > 0;
  const kindBytes = volume.has('ftype') ? 1 : 0;
  let at = isWide ? 10 : 6;
  for (let index = 0; index < count; index += 1) {
    const nameBytes = fields.u8(at);
    const afterName = at + 3 + nameBytes;
    const id = isWide ? fields.u64(afterName + kindBytes) : fields.u32(afterName + kindBytes);
    const kind = kindBytes === 1 ? kindOfEntry(fields.u8(afterName)) : undefined;
    const entry = parseEntry(volume, fields, at + 3, nameBytes, id, kind);
    if (entry !== undefined) yield entry;
    at = afterName + kindBytes + (isWide ? 8 : 4);
  }
  if (at !== bytes) throw new DiskDamagedError(`${fields.what} ends at ${at}, not at its size of ${bytes}`);
}

function parseEntry(
  volume: XfsVolume,
  fields: Fields,
  at: number,
  nameBytes: number,
  id: number,
  kind: NodeKind | undefined,
): DirectoryEntry | undefined {
  // A copy: who keeps a name must not keep its block.
  const name = new Uint8Array(fields.slice(at, nameBytes));
  volume.locateInode(id);
  if (!isPossibleName(name))
    throw new DiskDamagedError(`${fields.what} has an entry at ${at} that no system can have written`);
  return isDots(name) ? undefined : { name, id, kind };
}
