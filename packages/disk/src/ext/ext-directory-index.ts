import { addCrc32c } from '../checksums/crc32.ts';
import { DiskDamagedError } from '../errors.ts';
import { Fields } from '../source/fields.ts';
import { readContentRuns } from './ext-blocks.ts';
import { hashName, type NameHash, nameHashOf } from './ext-hash.ts';
import type { ExtInode } from './ext-inode.ts';
import type { ExtVolume } from './ext-volume.ts';

const rootTableAt = 0x20;
const nodeTableAt = 8;
const entryBytes = 8;
const mostLevels = 3;
/** A bit of an entry's hash: names with the same hash began in the block before. */
const continues = 1;

/** A block of a directory: where it is in its content, and on the source. */
interface IndexedBlock {
  readonly content: number;
  readonly source: number;
}

/**
 * Blocks of an indexed directory that can have a name.
 * @returns `undefined` if the index is of a version that is not known here.
 * @throws {@link DiskDamagedError} the index cannot be followed; the directory can still be read without it.
 */
export async function findIndexedBlocks(
  volume: ExtVolume,
  inode: ExtInode,
  name: Uint8Array,
  signal?: AbortSignal,
): Promise<readonly IndexedBlock[] | undefined> {
  const what = `index of directory ${inode.number}`;
  const blocks = inode.bytes / volume.blockBytes;
  const { superblock } = volume;
  const root = await read(await locate(0));
  const levels = root.u8(0x1e);
  if (root.u8(0x1d) !== 8 || levels > mostLevels) throw new DiskDamagedError(`${what} has ${levels} levels`);
  const how: NameHash | undefined = nameHashOf(
    root.u8(0x1c),
    superblock.hasUnsignedHash,
    superblock.hashSeed,
  );
  if (how === undefined) return undefined;
  const hash = hashName(name, how);
  const found: IndexedBlock[] = [];
  let visited = 0;
  await follow(root, rootTableAt, levels);
  return found;

  async function follow(node: Fields, table: number, level: number): Promise<void> {
    for (const block of blocksFor(node, table, hash)) {
      visited += 1;
      if (visited > blocks) throw new DiskDamagedError(`${what} goes round`);
      const at = await locate(block);
      if (level === 0) found.push(at);
      else await follow(await read(at), nodeTableAt, level - 1);
    }
  }

  async function locate(block: number): Promise<IndexedBlock> {
    const content = block * volume.blockBytes;
    const range = { from: content, to: content + volume.blockBytes };
    for await (const run of readContentRuns(volume, inode, range, signal))
      if (run.kind === 'stored' && run.bytes === volume.blockBytes) return { content, source: run.at };
    throw new DiskDamagedError(`${what} names block ${block} of ${blocks}`);
  }

  async function read(at: IndexedBlock): Promise<Fields> {
    const block = new Fields(await volume.source.read(at.source, volume.blockBytes, signal), what);
    if (volume.verifiesMetadata) verifyIndexBlock(volume, inode, block, at.content === 0);
    return block;
  }
}

/** Blocks below a node where names of a hash can be; entries are in the order of the hashes that their blocks begin with. */
function blocksFor(node: Fields, table: number, hash: number): number[] {
  const count = node.u16(table + 2);
  if (count === 0 || count > node.u16(table) || table + count * entryBytes > node.bytes.length)
    throw new DiskDamagedError(`${node.what} has a node of ${count} entries`);
  // The place of the first hash, which is the least of all, is taken by the counts.
  const hashAt = (index: number): number => (index === 0 ? 0 : node.u32(table + index * entryBytes));
  let low = 0;
  let high = count - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (hashAt(middle) <= hash) low = middle;
    else high = middle - 1;
  }
  let last = low;
  while (last + 1 < count && hashAt(last + 1) === hash + continues) last += 1;
  return Array.from(
    { length: last - low + 1 },
    (_, index) => node.u32(table + (low + index) * entryBytes + 4) & 0x0fffffff,
  );
}

/** @param isRoot - whether the block begins with `.`, `..` and what is said of the index. */
export function verifyIndexBlock(volume: ExtVolume, inode: ExtInode, block: Fields, isRoot: boolean): void {
  const table = isRoot ? rootTableAt : nodeTableAt;
  const used = table + block.u16(table + 2) * entryBytes;
  const tail = table + block.u16(table) * entryBytes;
  const covered = addCrc32c(addCrc32c(inode.checksumSeed, block.slice(0, used)), block.slice(tail, 4));
  volume.checkChecksum(block.what, addCrc32c(covered, new Uint8Array(4)), block.u32(tail + 4));
}
