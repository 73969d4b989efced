import { DiskDamagedError } from '../errors.ts';
import type { BlockRun, BlockSpan } from '../file-system/content-runs.ts';
import type { Fields } from '../source/fields.ts';
import type { XfsFork } from './xfs-inode.ts';
import type { XfsVolume } from './xfs-volume.ts';

const extentBytes = 16;
const keyBytes = 8;
const rootHeaderBytes = 4;
const mostLevels = 9;
const magics = { old: 'BMAP', named: 'BMA3' } as const;
const headerBytes = { old: 24, named: 72 } as const;
const identityPlaces = { crc: 64, place: 24, uuid: 40, owner: 56 } as const;

/** Entries of a tree's node: where they begin in the content, and the blocks that have more of them. */
interface TreeNode {
  readonly fields: Fields;
  readonly level: number;
  readonly count: number;
  readonly keysAt: number;
  readonly childrenAt: number;
}

/**
 * Blocks of a fork that reach into a span, in order. Each node of a tree is read once: the ranges of siblings follow
 * one another, none is empty, and levels only fall, so that no tree can go round or multiply.
 * @throws {@link DiskDamagedError} they overlap, or are outside of the file system.
 */
export async function* readFork(
  volume: XfsVolume,
  fork: XfsFork,
  span: BlockSpan,
  signal?: AbortSignal,
): AsyncGenerator<BlockRun> {
  const all = { from: 0, to: Math.floor(Number.MAX_SAFE_INTEGER / volume.blockBytes) };
  if (fork.format === 'extents') yield* extentsIn(volume, fork.fields, 0, fork.extents, all, span);
  else if (fork.format === 'btree') yield* readBelow(rootOf(fork), all);
  else throw new DiskDamagedError(`${fork.what} is of format ${fork.format}, which has no blocks`);

  async function* readBelow(node: TreeNode, range: BlockSpan): AsyncGenerator<BlockRun> {
    const starts = startsOf(node, range);
    for (const [index, start] of starts.entries()) {
      const end = starts[index + 1] ?? range.to;
      if (start >= span.to) return;
      if (end <= span.from) continue;
      const stored = node.fields.u64(node.childrenAt + index * keyBytes);
      const child = await readNode(volume, fork, stored, node.level - 1, signal);
      const within = { from: start, to: end };
      if (child.level > 0) yield* readBelow(child, within);
      else yield* extentsIn(volume, child.fields, child.keysAt, child.count, within, span);
    }
  }
}

function rootOf(fork: XfsFork): TreeNode {
  const { fields } = fork;
  const [level, count] = [fields.u16(0), fields.u16(2)];
  const most = Math.floor((fields.bytes.length - rootHeaderBytes) / (2 * keyBytes));
  if (level === 0 || level > mostLevels || count === 0 || count > most)
    throw new DiskDamagedError(`${fork.what} has a tree of ${level} levels with ${count} entries`);
  return {
    fields,
    level,
    count,
    keysAt: rootHeaderBytes,
    childrenAt: rootHeaderBytes + most * keyBytes,
  };
}

async function readNode(
  volume: XfsVolume,
  fork: XfsFork,
  stored: number,
  level: number,
  signal: AbortSignal | undefined,
): Promise<TreeNode> {
  const { blockBytes } = volume;
  const kind = volume.isNamed ? 'named' : 'old';
  const what = `tree of the ${fork.what}`;
  const at = volume.locateBlocks(stored, 1, what) * blockBytes;
  const bytes = await volume.source.read(at, blockBytes, signal);
  const fields = volume.metadata(bytes, at, { what, owner: fork.owner, places: identityPlaces });
  const keysAt = headerBytes[kind];
  const most = Math.floor((blockBytes - keysAt) / (2 * keyBytes));
  const count = fields.u16(6);
  if (!fields.has(0, magics[kind]) || fields.u16(4) !== level || count === 0 || count > most)
    throw new DiskDamagedError(
      `${fields.what} is of level ${fields.u16(4)} with ${count} entries, where level ${level} is expected`,
    );
  return { fields, level, count, keysAt, childrenAt: keysAt + most * keyBytes };
}

function startsOf({ fields, count, keysAt }: TreeNode, { from, to }: BlockSpan): number[] {
  const starts = Array.from({ length: count }, (_, index) => fields.u64(keysAt + index * keyBytes));
  let least = from;
  for (const start of starts) {
    if (start < least || start >= to)
      throw new DiskDamagedError(`${fields.what} has entries that are out of order`);
    least = start + 1;
  }
  return starts;
}

function* extentsIn(
  volume: XfsVolume,
  fields: Fields,
  from: number,
  count: number,
  range: BlockSpan,
  span: BlockSpan,
): Generator<BlockRun> {
  let least = range.from;
  for (let index = 0; index < count; index += 1) {
    const run = parseExtent(volume, fields, from + index * extentBytes);
    const end = run.first + run.blocks;
    if (run.blocks === 0 || run.first < least || end > range.to)
      throw new DiskDamagedError(
        `${fields.what} has extents that overlap: block ${run.first}, ${run.blocks} of them`,
      );
    least = end;
    if (run.first >= span.to) return;
    if (end > span.from) yield run;
  }
}

/** A bit for `never written`, 54 of the place in the content, 52 of the first block, 21 of how many there are. */
function parseExtent(volume: XfsVolume, fields: Fields, at: number): BlockRun {
  const [first = 0, next = 0, third = 0, last = 0] = [0, 4, 8, 12].map((offset) => fields.u32(at + offset));
  const stored = (next & 0x1ff) * 2 ** 43 + third * 2 ** 11 + (last >>> 21);
  const blocks = last & 0x1fffff;
  return {
    first: (first & 0x7fffffff) * 2 ** 23 + (next >>> 9),
    blocks,
    block: volume.locateBlocks(stored, blocks, fields.what),
    reserved: first >>> 31 === 1 && volume.has('unwritten'),
  };
}
