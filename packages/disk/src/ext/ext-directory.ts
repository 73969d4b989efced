import { addCrc32c } from '../checksums/crc32.ts';
import { DiskDamagedError } from '../errors.ts';
import { CollectedDamage } from '../file-system/collected-damage.ts';
import type { DirectoryEntry } from '../file-system/file-system.ts';
import { isDots, isPossibleName, isSameName } from '../file-system/names.ts';
import { kindOfEntry } from '../file-system/node-kinds.ts';
import { Fields } from '../source/fields.ts';
import { readInlineContent } from './ext-attributes.ts';
import { readContentRuns } from './ext-blocks.ts';
import { findIndexedBlocks, verifyIndexBlock } from './ext-directory-index.ts';
import { type ExtInode, hasFlag } from './ext-inode.ts';
import type { ExtVolume } from './ext-volume.ts';

const headerBytes = 8;
/** A block ends with a checksum in the shape of an entry without a name. */
const tailBytes = 12;
const tailType = 0xde;
/** The number of its parent, which an inline directory has in place of `.` and `..`. */
const inlineHeaderBytes = 4;

/**
 * Entries of a directory in the order of the disk, block by block. A damaged block costs its own entries.
 * @throws {@link DiskDamagedError} a block is damaged: the first of them, after all entries that can be read.
 */
export async function* listDirectory(
  volume: ExtVolume,
  inode: ExtInode,
  signal?: AbortSignal,
): AsyncGenerator<DirectoryEntry> {
  if (hasFlag(inode, 'inline')) {
    const { start, rest } = await readInlineContent(volume, inode, signal);
    const what = `directory ${inode.number}`;
    yield* entriesOf(volume, new Fields(start.subarray(inlineHeaderBytes), what));
    yield* entriesOf(volume, new Fields(rest, what));
    return;
  }
  const { blockBytes } = volume;
  if (inode.bytes % blockBytes !== 0)
    throw new DiskDamagedError(
      `directory ${inode.number} has ${inode.bytes} bytes, which are no whole blocks`,
    );
  const damage = new CollectedDamage();
  for await (const run of readContentRuns(volume, inode, {}, signal)) {
    if (run.kind !== 'stored') {
      damage.add(new DiskDamagedError(`directory ${inode.number} has a hole at byte ${run.offset}`));
      continue;
    }
    for (let at = 0; at < run.bytes; at += blockBytes) {
      try {
        const block = await readDirectoryBlock(volume, inode, run.at + at, run.offset + at, signal);
        yield* entriesOf(volume, block);
      } catch (error) {
        damage.add(error);
      }
    }
  }
  damage.throwIfAny();
}

/** The entry of a name. A directory with an index is looked up in it; if the index is damaged, all of it is read. */
export async function findInDirectory(
  volume: ExtVolume,
  inode: ExtInode,
  name: Uint8Array,
  signal?: AbortSignal,
): Promise<DirectoryEntry | undefined> {
  const blocks = await indexedBlocks(volume, inode, name, signal);
  for (const at of blocks ?? []) {
    const block = await readDirectoryBlock(volume, inode, at.source, at.content, signal);
    for (const entry of entriesOf(volume, block)) if (isSameName(entry.name, name)) return entry;
  }
  if (blocks !== undefined) return undefined;
  for await (const entry of listDirectory(volume, inode, signal))
    if (isSameName(entry.name, name)) return entry;
  return undefined;
}

async function indexedBlocks(
  volume: ExtVolume,
  inode: ExtInode,
  name: Uint8Array,
  signal: AbortSignal | undefined,
): ReturnType<typeof findIndexedBlocks> {
  // Indexes of folded names are by what the names fold to.
  if (!hasFlag(inode, 'indexed') || !volume.has('dir_index') || hasFlag(inode, 'folded')) return undefined;
  try {
    return await findIndexedBlocks(volume, inode, name, signal);
  } catch (error) {
    if (error instanceof DiskDamagedError) return undefined;
    throw error;
  }
}

async function readDirectoryBlock(
  volume: ExtVolume,
  inode: ExtInode,
  at: number,
  offset: number,
  signal: AbortSignal | undefined,
): Promise<Fields> {
  const what = `directory ${inode.number}, block at byte ${offset},`;
  const block = new Fields(await volume.source.read(at, volume.blockBytes, signal), what);
  if (volume.verifiesMetadata) verifyBlock(volume, inode, block, offset);
  return block;
}

function* entriesOf(volume: ExtVolume, block: Fields): Generator<DirectoryEntry> {
  const end = block.bytes.length;
  for (let at = 0; at < end;) {
    const id = block.u32(at);
    const length = entryLength(block.u16(at + 4), end);
    const nameBytes = block.u8(at + 6);
    if (length < headerBytes || length % 4 !== 0 || at + length > end || headerBytes + nameBytes > length)
      throw new DiskDamagedError(
        `${block.what} has an entry of ${length} bytes at ${at}, for a name of ${nameBytes}`,
      );
    if (id !== 0) {
      // A copy: who keeps a name must not keep its block.
      const name = new Uint8Array(block.slice(at + headerBytes, nameBytes));
      if (id > volume.superblock.inodes || !isPossibleName(name))
        throw new DiskDamagedError(`${block.what} has an entry at ${at} that no system can have written`);
      const kind = volume.has('filetype') ? kindOfEntry(block.u8(at + 7)) : undefined;
      if (!isDots(name)) yield { name, id, kind };
    }
    at += length;
  }
}

/** Lengths from 64 KiB on do not fit: their highest bits take the place of the lowest, which are always 0. */
function entryLength(stored: number, end: number): number {
  if (end < 65536) return stored;
  return stored === 65535 || stored === 0 ? 65536 : (stored & 65532) | ((stored & 3) << 16);
}

function verifyBlock(volume: ExtVolume, inode: ExtInode, block: Fields, offset: number): void {
  const { bytes } = block;
  const isIndexNode = block.u32(0) === 0 && entryLength(block.u16(4), bytes.length) === bytes.length;
  if (hasFlag(inode, 'indexed') && (offset === 0 || isIndexNode)) {
    verifyIndexBlock(volume, inode, block, offset === 0);
    return;
  }
  const at = bytes.length - tailBytes;
  if (block.u32(at) !== 0 || block.u16(at + 4) !== tailBytes || block.u8(at + 7) !== tailType)
    throw new DiskDamagedError(`${block.what} has no checksum`);
  volume.checkChecksum(block.what, addCrc32c(inode.checksumSeed, bytes.subarray(0, at)), block.u32(at + 8));
}
