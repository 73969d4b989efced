import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import type { FileSystem, OpenFileSystemOptions } from '../file-system/file-system.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { readGeometry } from './ntfs-boot.ts';
import { readPiece } from './ntfs-content.ts';
import { rootRecord } from './ntfs-directory.ts';
import { fileOf, findAttribute, partsOf, readFile } from './ntfs-file.ts';
import { decodeUtf16 } from './ntfs-names.ts';
import { readNode } from './ntfs-node.ts';
import { listNamedFiles, listOwnClusters } from './ntfs-own.ts';
import { attributeTypes, mendRecord, type NtfsRecord, parseRecord, runsOf } from './ntfs-record.ts';
import { NtfsVolume } from './ntfs-volume.ts';

const logRecord = 2;
const volumeRecord = 3;
/** The version of Windows 2000 and of all that came after it. */
const version = 3;

/**
 * Opens NTFS, as Windows has it since 2000. What is named by a fix-up is checked against it in any case.
 * @throws {@link DiskDamagedError} neither the boot sector nor its copy can be right, nor the first record of the master
 * file table nor its copy, or the source is smaller than the file system.
 * @throws {@link DiskUnsupportedError} it is of another version.
 */
export async function openNtfs(
  source: ByteSource,
  { onRead, signal }: OpenFileSystemOptions = {},
): Promise<FileSystem> {
  const geometry = await readGeometry(source, signal);
  const volume = new NtfsVolume(source, geometry, onRead);
  const madeGood = geometry.isCopy ? ['the boot sector is damaged; its copy at the end was used'] : [];
  if (await mapTable(volume, signal))
    madeGood.push('the first record of the master file table is damaged; its copy was used');
  const state = { ...(await readState(volume, signal)), isLogClean: await isLogClean(volume, signal) };
  return {
    facts: {
      type: 'ntfs',
      label: state.label,
      uuid: geometry.serial,
      bytes: geometry.bytes,
      blockBytes: geometry.clusterBytes,
      mountedAt: '',
      isClean: madeGood.length === 0 && state.isLogClean && !state.isDirty,
      sharesBlocks: false,
    },
    get notices() {
      return [...madeGood, ...noticesOf(state), ...volume.notices];
    },
    madeGood,
    root: async (rootSignal) => {
      const root = await readNode(volume, rootRecord, rootSignal);
      if (root.kind !== 'directory') throw new DiskDamagedError(`the root is a ${root.kind}`);
      return root;
    },
    node: async (id, nodeSignal) => readNode(volume, id, nodeSignal),
    listNamed: (listSignal) => listNamedFiles(volume, listSignal),
    listOwn: (listSignal) => listOwnClusters(volume, listSignal),
    basis: { layout: volume.layout, source },
  };
}

function noticesOf({ complaint, isDirty, isLogClean: wasReplayed }: VolumeState): string[] {
  const notices: string[] = [];
  if (complaint !== undefined) notices.push(`neither label nor version can be read: ${complaint}`);
  if (isDirty)
    notices.push(
      'this NTFS is marked for a check (chkdsk) when it is mounted next: Windows found it damaged, or was stopped. Names, ' +
        'sizes and whole files may be missing or wrong',
    );
  if (!wasReplayed)
    notices.push(
      'the log of this NTFS was not replayed: it was mounted when it was copied. Content that was flushed is there; ' +
        'names, sizes and attributes that changed shortly before may be as they were, and a directory or file that was ' +
        'being changed may look damaged. A mount of a restored volume by Windows replays it',
    );
  return notices;
}

/**
 * Maps the master file table, whose first record says where the others are. Parts of this in other records are in what
 * is mapped by then.
 * @returns true if the first record is damaged, and its copy was used.
 */
async function mapTable(volume: NtfsVolume, signal: AbortSignal | undefined): Promise<boolean> {
  const { base, isCopy } = await readTableRecord(volume, signal);
  const first = base.attributes.find(({ type, name }) => type === attributeTypes.data && name === '');
  if (first?.kind !== 'clusters' || first.first !== 0)
    throw new DiskDamagedError('the master file table does not say where it is');
  const { clusters } = volume.geometry;
  volume.extendTable(runsOf(first, clusters), first.bytes);
  const table = await fileOf(volume, base, signal);
  let next = 0;
  for await (const part of partsOf(volume, table, attributeTypes.data, '', { signal })) {
    if (part.kind !== 'clusters' || part.first !== next)
      throw new DiskDamagedError('the master file table has parts that do not fit together');
    if (next > 0) volume.extendTable(runsOf(part, clusters), first.bytes);
    next = part.last + 1;
  }
  return isCopy;
}

async function readTableRecord(
  { source, geometry }: NtfsVolume,
  signal: AbortSignal | undefined,
): Promise<{ readonly base: NtfsRecord; readonly isCopy: boolean }> {
  const read = async (cluster: number): Promise<NtfsRecord> =>
    parseRecord(await source.read(cluster * geometry.clusterBytes, geometry.recordBytes, signal), 0);
  try {
    return { base: await read(geometry.tableCluster), isCopy: false };
  } catch (error) {
    if (!(error instanceof DiskDamagedError)) throw error;
    return { base: await read(geometry.mirrorCluster), isCopy: true };
  }
}

interface VolumeState {
  readonly label: string;
  readonly isDirty: boolean;
  readonly isLogClean: boolean;
  /** The damage for which the rest is not known. */
  readonly complaint?: string;
}

async function readState(
  volume: NtfsVolume,
  signal: AbortSignal | undefined,
): Promise<Omit<VolumeState, 'isLogClean'>> {
  try {
    const file = await readFile(volume, { record: volumeRecord, sequence: 0 }, signal);
    const name = await findAttribute(volume, file, attributeTypes.volumeName, '', signal);
    const facts = await findAttribute(volume, file, attributeTypes.volumeInformation, '', signal);
    if (facts?.kind !== 'resident') throw new DiskDamagedError(`${file.base.what} does not have them`);
    const [major, minor] = [facts.value.u8(8), facts.value.u8(9)];
    if (major !== version) throw new DiskUnsupportedError(`NTFS ${major}.${minor}`);
    return {
      label: name?.kind === 'resident' ? decodeUtf16(name.value.bytes) : '',
      isDirty: (facts.value.u16(10) & 1) !== 0,
    };
  } catch (error) {
    if (!(error instanceof DiskDamagedError)) throw error;
    return { label: '', isDirty: false, complaint: error.message };
  }
}

const pageBytes = 4096;
const noClient = 0xffff;
const cleanFlag = 2;

/**
 * True if nothing in the log has to be replayed: no client has it open, or its newer restart page says so, or it was
 * never used.
 */
async function isLogClean(volume: NtfsVolume, signal: AbortSignal | undefined): Promise<boolean> {
  const pages = await unlessDamaged(async () => readLog(volume, signal));
  if (pages === undefined) return false;
  if (pages.every((byte) => byte === 0xff)) return true;
  let newest = { number: -1n, isClean: false };
  for (const at of [0, pageBytes]) {
    const page = await unlessDamaged(async () => restartPage(pages.subarray(at, at + pageBytes)));
    if (page !== undefined && page.number > newest.number) newest = page;
  }
  return newest.isClean;
}

async function readLog(volume: NtfsVolume, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
  const file = await readFile(volume, { record: logRecord, sequence: 0 }, signal);
  const log = await findAttribute(volume, file, attributeTypes.data, '', signal);
  return log && readPiece(volume, file, log, 0, 2 * pageBytes, signal);
}

function restartPage(stored: Uint8Array): { readonly number: bigint; readonly isClean: boolean } {
  const page = mendRecord(stored, 'RSTR', 'the log');
  const area = page.u16(0x18);
  return {
    number: (BigInt(page.u32(area + 4)) << 32n) | BigInt(page.u32(area)),
    isClean: page.u16(area + 0x0c) === noClient || (page.u16(area + 0x0e) & cleanFlag) !== 0,
  };
}

async function unlessDamaged<Value>(work: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DiskDamagedError) return undefined;
    throw error;
  }
}
