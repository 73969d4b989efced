import { DiskDamagedError } from '../errors.ts';
import { contentRuns, type MappedContent } from '../file-system/content-runs.ts';
import type { ContentRange, ContentRun } from '../file-system/file-system.ts';
import { mappableBlocks, readBlockMap } from './ext-block-map.ts';
import { readExtents } from './ext-extents.ts';
import { type ExtInode, hasFlag } from './ext-inode.ts';
import type { ExtVolume } from './ext-volume.ts';

/**
 * Stretches of an inode's content.
 * @throws {@link DiskDamagedError} blocks overlap, are outside of the file system, or are more than it has.
 */
export async function* readContentRuns(
  volume: ExtVolume,
  inode: ExtInode,
  range?: ContentRange,
  signal?: AbortSignal,
): AsyncGenerator<ContentRun> {
  checkSize(volume, inode);
  const read = hasFlag(inode, 'extents') ? readExtents : readBlockMap;
  const content = {
    what: `inode ${inode.number}`,
    bytes: inode.bytes,
    blockBytes: volume.blockBytes,
    mostBlocks: volume.superblock.blocks,
    map: (span, mapSignal) => read(volume, inode, span, mapSignal),
  } satisfies MappedContent;
  yield* contentRuns(content, range, signal);
}

function checkSize(volume: ExtVolume, inode: ExtInode): void {
  const blocks = Math.ceil(inode.bytes / volume.blockBytes);
  const most = hasFlag(inode, 'extents') ? 2 ** 32 : mappableBlocks(volume.blockBytes);
  if (blocks > most)
    throw new DiskDamagedError(
      `inode ${inode.number} has ${inode.bytes} bytes, more than its blocks can have`,
    );
}
