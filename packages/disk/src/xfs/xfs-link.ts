import { DiskDamagedError } from '../errors.ts';
import { concatenated } from '../source/concatenated.ts';
import { locateForkBlocks } from './xfs-fork-blocks.ts';
import type { XfsInode } from './xfs-inode.ts';
import { readRemoteBlock, remoteBlocks } from './xfs-remote.ts';
import type { XfsVolume } from './xfs-volume.ts';

/** The kernel's own limit. */
const mostTargetBytes = 1024;

/** The target of a link, which is within its inode, or in blocks. */
export async function readXfsLinkTarget(
  volume: XfsVolume,
  { number, content, bytes }: XfsInode,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (bytes === 0 || bytes > mostTargetBytes)
    throw new DiskDamagedError(`link ${number} has a target of ${bytes} bytes`);
  if (content.format === 'local') return new Uint8Array(content.fields.slice(0, bytes));
  const span = { from: 0, to: remoteBlocks(volume, bytes) };
  const pieces: Uint8Array[] = [];
  let done = 0;
  // Neighbouring blocks have one header together.
  for (const stretch of await locateForkBlocks(volume, content, span, signal)) {
    const read = await volume.source.read(stretch.at, stretch.bytes, signal);
    const block = {
      bytes: read,
      at: stretch.at,
      magic: 'XSLM',
      what: `target of link ${number}`,
      owner: number,
    } as const;
    const piece = readRemoteBlock(volume, block, done, bytes - done);
    pieces.push(piece);
    done += piece.length;
  }
  if (done < bytes) throw new DiskDamagedError(`link ${number} has less of a target than its ${bytes} bytes`);
  return concatenated(pieces);
}
