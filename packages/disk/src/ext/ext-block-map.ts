import { DiskDamagedError } from '../errors.ts';
import type { BlockRun, BlockSpan } from '../file-system/content-runs.ts';
import type { Fields } from '../source/fields.ts';
import type { ExtInode } from './ext-inode.ts';
import type { ExtVolume } from './ext-volume.ts';

const direct = 12;
const levels = 3;

/** Blocks that the maps of ext2 and ext3 can name. */
export function mappableBlocks(blockBytes: number): number {
  const pointers = blockBytes / 4;
  return direct + pointers + pointers ** 2 + pointers ** 3;
}

/** Runs of an inode with a block map that reach into a span of its blocks, in order. */
export async function* readBlockMap(
  volume: ExtVolume,
  inode: ExtInode,
  span: BlockSpan,
  signal?: AbortSignal,
): AsyncGenerator<BlockRun> {
  const pointers = volume.blockBytes / 4;
  const what = `block map of inode ${inode.number}`;
  let mapsRead = 0;

  /** @param level - maps between these pointers and the content. */
  async function* follow(
    table: Fields,
    from: number,
    count: number,
    level: number,
    first: number,
  ): AsyncGenerator<BlockRun> {
    const each = pointers ** level;
    const skipped = Math.max(0, Math.floor((span.from - first) / each));
    for (let index = skipped; index < count && first + index * each < span.to; index += 1) {
      const block = table.u32((from + index) * 4);
      if (block === 0) continue;
      volume.checkBlocks(block, 1, what);
      const start = first + index * each;
      if (level === 0) {
        yield { first: start, blocks: 1, block, reserved: false };
        continue;
      }
      mapsRead += 1;
      if (mapsRead > volume.superblock.blocks)
        throw new DiskDamagedError(
          `${what} leads through more blocks than the file system has; it goes round`,
        );
      yield* follow(await volume.readBlock(block, what, signal), 0, pointers, level - 1, start);
    }
  }

  yield* follow(inode.map, 0, direct, 0, 0);
  let first = direct;
  for (let level = 1; level <= levels; level += 1) {
    yield* follow(inode.map, direct + level - 1, 1, level, first);
    first += pointers ** level;
  }
}
