import { addCrc32c } from '../checksums/crc32.ts';
import { DiskDamagedError } from '../errors.ts';
import type { BlockRun, BlockSpan } from '../file-system/content-runs.ts';
import type { Fields } from '../source/fields.ts';
import type { ExtInode } from './ext-inode.ts';
import type { ExtVolume } from './ext-volume.ts';

const magic = 0xf30a;
const headerBytes = 12;
const entryBytes = 12;
const mostDepth = 5;
/** An extent of more blocks than this has that many less, which were never written. */
const mostWritten = 32768;

/**
 * Extents of an inode that reach into a span of its blocks, in order. Each node is read once: the ranges of siblings
 * follow one another, no node but the root is empty, and depth only falls, so that no tree can go round or multiply.
 */
export async function* readExtents(
  volume: ExtVolume,
  inode: ExtInode,
  span: BlockSpan,
  signal?: AbortSignal,
): AsyncGenerator<BlockRun> {
  const all = { from: 0, to: 2 ** 32 };
  yield* readNode(inode.map, all, undefined);

  async function* readNode(
    node: Fields,
    range: BlockSpan,
    depth: number | undefined,
  ): AsyncGenerator<BlockRun> {
    const header = parseHeader(node, depth);
    const starts = startsOf(node, header.entries, range);
    for (const [index, start] of starts.entries()) {
      if (start >= span.to) return;
      const at = headerBytes + index * entryBytes;
      const end = starts[index + 1] ?? range.to;
      if (header.depth === 0) {
        const run = parseExtent(node, at, end);
        volume.checkBlocks(run.block, run.blocks, node.what);
        if (start + run.blocks > span.from) yield run;
      } else if (end > span.from) {
        const block = node.wide(node.u32(at + 4), node.u16(at + 8));
        const child = await volume.readBlock(block, `extents of inode ${inode.number}`, signal);
        if (volume.verifiesMetadata) verifyNode(volume, inode, child);
        yield* readNode(child, { from: start, to: end }, header.depth - 1);
      }
    }
  }
}

function parseHeader(
  node: Fields,
  depth: number | undefined,
): { readonly entries: number; readonly depth: number } {
  const isRoot = depth === undefined;
  const entries = node.u16(2);
  const found = node.u16(6);
  if (node.u16(0) !== magic)
    throw new DiskDamagedError(`${node.what} have no magic number where a node should be`);
  if (isRoot ? found > mostDepth : found !== depth)
    throw new DiskDamagedError(
      `${node.what} are a tree of depth ${found}, where ${depth ?? mostDepth} is expected`,
    );
  const isEmpty = entries === 0 && !(isRoot && found === 0);
  if (isEmpty || entries > node.u16(4) || headerBytes + entries * entryBytes > node.bytes.length)
    throw new DiskDamagedError(`${node.what} have a node of ${entries} entries`);
  return { entries, depth: found };
}

function startsOf(node: Fields, entries: number, { from, to }: BlockSpan): number[] {
  const starts = Array.from({ length: entries }, (_, index) => node.u32(headerBytes + index * entryBytes));
  let least = from;
  for (const start of starts) {
    if (start < least || start >= to) throw new DiskDamagedError(`${node.what} overlap or are out of order`);
    least = start + 1;
  }
  return starts;
}

function parseExtent(node: Fields, at: number, end: number): BlockRun {
  const first = node.u32(at);
  const length = node.u16(at + 4);
  const reserved = length > mostWritten;
  const blocks = reserved ? length - mostWritten : length;
  if (blocks === 0 || first + blocks > end)
    throw new DiskDamagedError(
      `${node.what} overlap: block ${first} begins ${blocks}, the next comes at ${end}`,
    );
  return { first, blocks, block: node.wide(node.u32(at + 8), node.u16(at + 6)), reserved };
}

function verifyNode(volume: ExtVolume, inode: ExtInode, node: Fields): void {
  const tail = headerBytes + node.u16(4) * entryBytes;
  const computed = addCrc32c(inode.checksumSeed, node.slice(0, tail));
  volume.checkChecksum(node.what, computed, node.u32(tail));
}
