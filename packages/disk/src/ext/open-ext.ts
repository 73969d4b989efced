import { DiskDamagedError, DiskError, DiskUnsupportedError } from '../errors.ts';
import type {
  ContentRange,
  ContentRun,
  FileNode,
  FileSystem,
  OpenFileSystemOptions,
} from '../file-system/file-system.ts';
import { layoutText } from '../file-system/layout-text.ts';
import { makeNode } from '../file-system/make-node.ts';
import { readRuns } from '../file-system/read-runs.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { readAttributes, readInlineContent } from './ext-attributes.ts';
import { readContentRuns } from './ext-blocks.ts';
import { findInDirectory, listDirectory } from './ext-directory.ts';
import { deviceOf, type ExtInode, hasFlag, readInode, rootInode } from './ext-inode.ts';
import { readDescriptor } from './ext-groups.ts';
import { type ReplayedJournal, replayJournal } from './ext-journal.ts';
import { listNamedInodes, listOwnStretches } from './ext-own.ts';
import type { ExtSuperblock } from './ext-superblock.ts';
import { ExtVolume } from './ext-volume.ts';
import { findSuperblock } from './find-superblock.ts';

/** Fields and features that a mount changes. */
const passing = ['label', 'mountedAt', 'state', 'needs_recovery', 'orphan_present'];

/**
 * Opens ext2, ext3 or ext4.
 * @throws {@link DiskDamagedError} the superblock cannot be right, or the source is smaller than the file system.
 * @throws {@link DiskUnsupportedError} it has a feature without which it would be misread.
 */
export async function openExt(
  source: ByteSource,
  { verifyChecksums = true, signal, ...watch }: OpenFileSystemOptions = {},
): Promise<FileSystem> {
  const found = await findSuperblock(source, { verify: verifyChecksums, signal });
  const { damage } = found;
  const { type, blocks, blockBytes } = found.superblock;
  if (blocks * blockBytes > source.bytes)
    throw new DiskDamagedError(`${type} of ${blocks * blockBytes} bytes, of which ${source.bytes} are there`);
  const asStored = new ExtVolume(source, found.superblock, verifyChecksums, watch);
  const journal = damage === undefined ? await tryReplay(asStored, watch, signal) : 'unread';
  const isReplayed = typeof journal === 'object' && 'volume' in journal;
  const volume = isReplayed ? journal.volume : asStored;
  const { superblock } = volume;
  if (damage !== undefined)
    volume.madeGood.add(
      `${damage.message}; its copy in group ${superblock.group} was used, which does not tell whether the journal was replayed`,
    );
  const node = async (id: number, nodeSignal?: AbortSignal): Promise<FileNode> =>
    nodeOf(volume, await readInode(volume, id, nodeSignal));
  return {
    facts: {
      type: superblock.type,
      label: superblock.label,
      uuid: superblock.uuid,
      bytes: superblock.blocks * superblock.blockBytes,
      blockBytes: superblock.blockBytes,
      mountedAt: superblock.mountedAt,
      isClean: damage === undefined && superblock.state.clean && (isReplayed || journal === 'empty'),
      sharesBlocks: superblock.features.has('shared_blocks'),
    },
    get notices() {
      return [...volume.madeGood, ...noticesOf(superblock, journal)];
    },
    get madeGood() {
      return [...volume.madeGood];
    },
    root: async (rootSignal) => {
      const root = await node(rootInode, rootSignal);
      if (root.kind !== 'directory') throw new DiskDamagedError(`the root is a ${root.kind}`);
      return root;
    },
    node,
    listNamed: (listSignal) => listNamedInodes(volume, listSignal),
    listOwn: (listSignal) => listOwnStretches(volume, listSignal),
    basis: {
      layout: layoutText(superblock, passing),
      source: volume.basis,
      isReplayed: (offset, length) => isReplayed && journal.isReplayed(offset, length),
      tableAt: async (group, tableSignal) => (await readDescriptor(volume, group, tableSignal)).inodeTable,
    },
  };
}

/** `empty`: all is in its place. `unread`: it may be, and which superblock is right is not known. */
type Journal = (ReplayedJournal & { readonly volume: ExtVolume }) | DiskError | 'empty' | 'unread';

async function tryReplay(
  stored: ExtVolume,
  watch: Pick<OpenFileSystemOptions, 'onRead' | 'onTable'>,
  signal: AbortSignal | undefined,
): Promise<Journal> {
  if (!stored.has('needs_recovery')) return 'empty';
  try {
    const journal = await replayJournal(stored, signal);
    const { verifies } = stored;
    const { superblock, damage } = await findSuperblock(journal.source, { verify: verifies, signal });
    if (damage !== undefined) throw damage;
    return { ...journal, volume: new ExtVolume(journal.source, superblock, verifies, watch) };
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return error;
  }
}

function noticesOf({ type, state }: ExtSuperblock, journal: Journal): string[] {
  const notices: string[] = [];
  if (typeof journal === 'object' && 'volume' in journal)
    notices.push(
      `this ${type} was mounted when it was copied: ${journal.blocks} of its blocks are read from its journal, as a mount ` +
        'would; what was not committed to that, mostly of the last seconds, is not there',
    );
  else if (journal instanceof DiskError)
    notices.push(
      `the journal of this ${type} was not replayed (${journal.message}): it was mounted when it was copied. Content that was synced is ` +
        'there; names, sizes and attributes that changed shortly before, mostly within half a minute, may be as they ' +
        'were, and a directory or file that was being changed may look damaged. A mount of a restored volume replays it',
    );
  else if (!state.clean)
    notices.push(
      `this ${type} was not unmounted cleanly, or was mounted when it was copied: what was being written may be half there`,
    );
  if (state.errors)
    notices.push(`the system that used this ${type} found errors in it; e2fsck was not run since`);
  if (state.orphans && journal === 'empty')
    notices.push('files that were deleted while they were open still take up space; e2fsck frees it');
  return notices;
}

function nodeOf(volume: ExtVolume, inode: ExtInode): FileNode {
  const runs = (range?: ContentRange, signal?: AbortSignal): AsyncIterable<ContentRun> =>
    hasFlag(inode, 'inline')
      ? inlineRuns(volume, inode, range, signal)
      : readContentRuns(volume, inode, range, signal);
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
    device: deviceOf(inode),
    check: () => {
      if (hasFlag(inode, 'encrypted'))
        throw new DiskUnsupportedError('an encrypted file or directory', `inode ${inode.number}`);
    },
    list: (signal) => listDirectory(volume, inode, signal),
    find: async (name, signal) => findInDirectory(volume, inode, name, signal),
    runs,
    linkTarget: async (signal) => readLinkTarget(volume, inode, runs, signal),
    attributes: async (signal) => readAttributes(volume, inode, signal),
  });
}

async function* inlineRuns(
  volume: ExtVolume,
  inode: ExtInode,
  { from = 0, to = inode.bytes }: ContentRange = {},
  signal?: AbortSignal,
): AsyncGenerator<ContentRun> {
  const { start, rest } = await readInlineContent(volume, inode, signal);
  const content = new Uint8Array(start.length + rest.length);
  content.set(start);
  content.set(rest, start.length);
  const wanted = content.subarray(from, Math.max(from, to));
  if (wanted.length > 0) yield { kind: 'inline', offset: from, bytes: wanted.length, content: wanted };
}

async function readLinkTarget(
  volume: ExtVolume,
  inode: ExtInode,
  runs: (range?: ContentRange, signal?: AbortSignal) => AsyncIterable<ContentRun>,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { map, bytes, number } = inode;
  const isFast = bytes < map.bytes.length && !hasFlag(inode, 'extents') && !hasFlag(inode, 'inline');
  if (isFast) return new Uint8Array(map.slice(0, bytes));
  if (bytes > volume.blockBytes) throw new DiskDamagedError(`link ${number} has a target of ${bytes} bytes`);
  const target = new Uint8Array(bytes);
  let at = 0;
  for await (const piece of readRuns(volume.source, runs({}, signal), signal)) {
    target.set(piece, at);
    at += piece.length;
  }
  return target;
}
