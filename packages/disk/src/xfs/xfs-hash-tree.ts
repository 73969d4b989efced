import { DiskDamagedError } from '../errors.ts';
import type { Fields } from '../source/fields.ts';
import { readForkBlocks } from './xfs-fork-blocks.ts';
import type { XfsFork } from './xfs-inode.ts';
import type { XfsVolume } from './xfs-volume.ts';

const nodeMagics = { old: 0xfebe, named: 0x3ebe } as const;
/** What all blocks begin with: neighbours, a magic number and, of version 5, what says that they are themselves. */
const infoBytes = { old: 12, named: 56 } as const;
const headerBytes = { old: 16, named: 64 } as const;
const identityPlaces = { crc: 12, place: 16, uuid: 32, owner: 48 } as const;
const entryBytes = 8;
const mostLevels = 5;

/** A tree by which names are found by their hashes: the index of a directory, or attributes. */
export interface HashTree {
  readonly fork: XfsFork;
  /** The block of the fork that it begins with. */
  readonly root: number;
  /** The size of its blocks, in blocks of the file system. */
  readonly blocks: number;
  /** Magic numbers of its leaves. */
  readonly leafMagics: readonly number[];
}

/** A leaf: after its header come entries in the order of their hashes, each of 8 bytes. */
export interface HashLeaf {
  readonly fields: Fields;
  readonly count: number;
  readonly infoBytes: number;
}

/**
 * Leaves from the first that can have a hash on, in the order of hashes.
 * @throws {@link DiskDamagedError} they go round, or the tree cannot be followed.
 */
export async function* leavesFrom(
  volume: XfsVolume,
  tree: HashTree,
  hash: number,
  signal?: AbortSignal,
): AsyncGenerator<HashLeaf> {
  const first = await findLeaf(volume, tree, hash, signal);
  if (first === undefined) return;
  const visited = new Set([first.block]);
  for (let leaf = first.leaf; ;) {
    yield leaf;
    const next = leaf.fields.u32(0);
    if (next === 0) return;
    if (visited.has(next)) throw new DiskDamagedError(`${leaf.fields.what} leads back to block ${next}`);
    visited.add(next);
    leaf = await readHashBlock(volume, tree, next, signal);
    checkLeaf(tree, leaf);
  }
}

/** @returns `undefined` if all hashes are less. */
async function findLeaf(
  volume: XfsVolume,
  tree: HashTree,
  hash: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly block: number; readonly leaf: HashLeaf } | undefined> {
  const version = volume.isNamed ? 'named' : 'old';
  let above = mostLevels + 1;
  for (let block: number | undefined = tree.root; block !== undefined;) {
    const found = await readHashBlock(volume, tree, block, signal);
    const { fields, count } = found;
    if (fields.u16(8) !== nodeMagics[version]) {
      if (block !== tree.root && above !== 1)
        throw new DiskDamagedError(`${fields.what} is where a node of level ${above - 1} should be`);
      checkLeaf(tree, found);
      return { block, leaf: found };
    }
    const level = fields.u16(found.infoBytes + 2);
    const isNext = block === tree.root ? level < above : level === above - 1;
    if (level === 0 || !isNext) throw new DiskDamagedError(`${fields.what} is a node of level ${level}`);
    above = level;
    const at = headerBytes[version];
    const index = firstFrom(fields, at, count, hash);
    block = index === count ? undefined : fields.u32(at + index * entryBytes + 4);
  }
  return undefined;
}

/** The first of entries that is not before a hash; their count if there is none. */
export function firstFrom(fields: Fields, at: number, count: number, hash: number): number {
  fields.slice(at, count * entryBytes);
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (fields.u32(at + middle * entryBytes) < hash) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function readHashBlock(
  volume: XfsVolume,
  { fork, blocks }: HashTree,
  block: number,
  signal: AbortSignal | undefined,
): Promise<HashLeaf> {
  const { at, bytes } = await readForkBlocks(volume, fork, { from: block, to: block + blocks }, signal);
  const what = `tree of names of the ${fork.what}`;
  const fields = volume.metadata(bytes, at, { what, owner: fork.owner, places: identityPlaces });
  const own = infoBytes[volume.isNamed ? 'named' : 'old'];
  return { fields, count: fields.u16(own), infoBytes: own };
}

function checkLeaf({ leafMagics }: HashTree, { fields }: HashLeaf): void {
  if (!leafMagics.includes(fields.u16(8)))
    throw new DiskDamagedError(`${fields.what} has the magic number 0x${fields.u16(8).toString(16)}`);
}
