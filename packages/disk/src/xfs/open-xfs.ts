import { DiskBytesLostError, DiskDamagedError, DiskError, DiskUnsupportedError } from '../errors.ts';
import type { FileNode, FileSystem, OpenFileSystemOptions } from '../file-system/file-system.ts';
import { layoutText } from '../file-system/layout-text.ts';
import { makeNode } from '../file-system/make-node.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { findXfsSuperblock } from './find-xfs-superblock.ts';
import { type ReplayedLog, replayXfsLog } from './replay-xfs-log.ts';
import { readXfsAttributes } from './xfs-attributes.ts';
import { findInXfsDirectory, listXfsDirectory } from './xfs-directory.ts';
import { readXfsRuns } from './xfs-fork-blocks.ts';
import { xfsDeviceOf, readXfsInode, type XfsInode } from './xfs-inode.ts';
import { readXfsLinkTarget } from './xfs-link.ts';
import { readLogState, type XfsLog } from './xfs-log.ts';
import { listNamedXfsInodes, listXfsOwnStretches } from './xfs-own.ts';
import { XfsVolume } from './xfs-volume.ts';

/**
 * Opens XFS of version 4 or 5; only version 5 has checksums.
 * @throws {@link DiskDamagedError} the superblock cannot be right, or the source is smaller than the file system.
 * @throws {@link DiskUnsupportedError} it has a feature without which it would be misread.
 */
export async function openXfs(
  source: ByteSource,
  { verifyChecksums = true, onRead, signal }: OpenFileSystemOptions = {},
): Promise<FileSystem> {
  const { superblock, copy } = await findXfsSuperblock(source, { verify: verifyChecksums, signal });
  const { blocks, blockBytes, label, uuid, version, rootInode } = superblock;
  const bytes = blocks * blockBytes;
  if (bytes > source.bytes)
    throw new DiskDamagedError(
      `XFS version ${version} of ${bytes} bytes, of which ${source.bytes} are there`,
    );
  const stored = new XfsVolume(source, superblock, verifyChecksums);
  const log = await openLog(stored, signal);
  const ground = log.kind === 'replayed' ? log.volume : stored;
  const volume = new XfsVolume(ground.source, ground.superblock, verifyChecksums, onRead);
  const node = async (id: number, nodeSignal?: AbortSignal): Promise<FileNode> =>
    nodeOf(volume, await readXfsInode(volume, id, nodeSignal));
  const madeGood =
    copy === undefined ? [] : [`${copy.damage.message}; its copy in group ${copy.group} was used`];
  return {
    facts: {
      type: 'xfs',
      label,
      uuid,
      bytes,
      blockBytes,
      mountedAt: '',
      isClean: log.kind === 'clean' || log.kind === 'replayed',
      sharesBlocks: volume.has('reflink'),
    },
    notices: [...madeGood, ...noticesOf(volume, log)],
    madeGood,
    root: async (rootSignal) => {
      const root = await node(rootInode, rootSignal);
      if (root.kind !== 'directory') throw new DiskDamagedError(`the root is a ${root.kind}`);
      return root;
    },
    node,
    listNamed: (listSignal) => listNamedXfsInodes(volume, listSignal),
    listOwn: async function* listOwn() {
      yield* listXfsOwnStretches(volume);
    },
    basis: {
      layout: layoutText(ground.superblock, ['label']),
      source: ground.source,
      isReplayed: (offset, length) => log.kind === 'replayed' && log.isReplayed(offset, length),
    },
  };
}

/** `unread`: a mount would replay it, and it is not known how, or it is damaged. `lost`: bytes of it are. */
type OpenedLog =
  | { readonly kind: 'clean' | 'elsewhere' | 'lost' }
  | { readonly kind: 'unread'; readonly reason: string }
  | (Omit<ReplayedLog, 'source'> & { readonly kind: 'replayed'; readonly volume: XfsVolume });

/** Bytes of the log that are lost are none of a file's. */
async function openLog(stored: XfsVolume, signal: AbortSignal | undefined): Promise<OpenedLog> {
  try {
    const state = await readLogState(stored, signal);
    return state.kind === 'dirty' ? await tryReplay(stored, state.log, signal) : state;
  } catch (error) {
    if (error instanceof DiskBytesLostError) return { kind: 'lost' };
    throw error;
  }
}

async function tryReplay(
  stored: XfsVolume,
  log: XfsLog,
  signal: AbortSignal | undefined,
): Promise<OpenedLog> {
  try {
    const { source, ...replayed } = await replayXfsLog(stored, log);
    const { verifies } = stored;
    const { superblock, copy } = await findXfsSuperblock(source, { verify: verifies, signal });
    if (copy !== undefined) throw copy.damage;
    return { kind: 'replayed', volume: new XfsVolume(source, superblock, verifies), ...replayed };
  } catch (error) {
    if (!(error instanceof DiskError) || error instanceof DiskBytesLostError) throw error;
    return { kind: 'unread', reason: error.message };
  }
}

function logNotices(log: OpenedLog): string[] {
  switch (log.kind) {
    case 'clean':
      return [];
    case 'replayed':
      return [
        `this XFS was mounted when it was copied: ${log.places} of its inodes and blocks are read from its log, as a mount ` +
          'would; what had not reached that, mostly changes of the last half minute that were not synced, is not there',
      ];
    case 'unread':
      return [
        `the log of this XFS was not replayed (${log.reason}): it was mounted when it was copied, or not unmounted. Content that ` +
          'was synced is there; names, sizes and attributes that changed shortly before, mostly within half a minute, may ' +
          'be as they were, and a directory or file that was being changed may look damaged. A mount of a restored volume ' +
          'replays it',
      ];
    case 'lost':
      return [
        'bytes of the log of this XFS are lost: what is in it is not there, and whether it was unmounted is not known',
      ];
    case 'elsewhere':
      return [
        'the log of this XFS is on a device of its own: what is in it is not there, and whether it was unmounted is not known',
      ];
  }
}

function noticesOf(volume: XfsVolume, log: OpenedLog): string[] {
  const notices = logNotices(log);
  if (volume.has('needsrepair'))
    notices.push(
      'this XFS must be repaired before it can be mounted (xfs_repair): parts of it may be half changed',
    );
  if (volume.superblock.realtimeBlocks > 0)
    notices.push('this XFS has a realtime device, and the content of files on it is not there');
  return notices;
}

function nodeOf(volume: XfsVolume, inode: XfsInode): FileNode {
  return makeNode(volume.source, {
    id: inode.number,
    kind: inode.kind,
    bytes: inode.bytes,
    mode: inode.mode,
    owner: inode.owner,
    names: inode.names,
    modifiedAt: inode.modifiedAt,
    accessedAt: inode.accessedAt,
    changedAt: inode.changedAt,
    createdAt: inode.createdAt,
    device: xfsDeviceOf(inode),
    check: () => {
      if (inode.isRealtime)
        throw new DiskUnsupportedError('a file on the realtime device of XFS', `inode ${inode.number}`);
    },
    list: (signal) => listXfsDirectory(volume, inode, signal),
    find: async (name, signal) => findInXfsDirectory(volume, inode, name, signal),
    runs: (range, signal) => readXfsRuns(volume, inode, range, signal),
    linkTarget: async (signal) => readXfsLinkTarget(volume, inode, signal),
    attributes: async (signal) => readXfsAttributes(volume, inode, signal),
  });
}
