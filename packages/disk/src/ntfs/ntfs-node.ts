import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import type {
  ContentRange,
  ContentRun,
  DirectoryEntry,
  FileNode,
  Nanoseconds,
} from '../file-system/file-system.ts';
import { makeNode } from '../file-system/make-node.ts';
import type { Fields } from '../source/fields.ts';
import { bytesOf, readAttributeRuns } from './ntfs-content.ts';
import { compareNames, findByName, listNames, readUpCase } from './ntfs-directory.ts';
import { readExtendedAttributes } from './ntfs-extended.ts';
import { findAttribute, type NtfsFile, partsOf, readFile, streamsOf } from './ntfs-file.ts';
import { decodeWtf8 } from './ntfs-names.ts';
import { attributeTypes, nodeId, type NtfsAttribute, parseNodeId } from './ntfs-record.ts';
import { otherContentOf, readReparsePoint, type ReparsePoint } from './ntfs-reparse.ts';
import type { NtfsVolume } from './ntfs-volume.ts';

const readOnly = 0x1;
const reparsePointFlag = 0x400;
const dosName = 2;

/** A file, or one of its streams, with what is told of it without being asked. */
interface NtfsNode {
  readonly file: NtfsFile;
  /** Absent of directories, and of files without content. */
  readonly content: NtfsAttribute | undefined;
  readonly flags: number;
  readonly securityId: number;
  readonly reparsePoint: ReparsePoint | undefined;
  readonly kind: FileNode['kind'];
}

/**
 * @param id - of a file, or of a stream.
 * @throws DiskDamagedError there is no such node, or it is damaged.
 */
export async function readNode(volume: NtfsVolume, id: number, signal?: AbortSignal): Promise<FileNode> {
  const { stream, ...reference } = parseNodeId(id);
  const file = await readFile(volume, reference, signal);
  const { base } = file;
  const facts = await findAttribute(volume, file, attributeTypes.standardInformation, '', signal);
  if (facts?.kind !== 'resident') throw new DiskDamagedError(`${base.what} says nothing of itself`);
  const { value } = facts;
  const flags = value.u32(0x20);
  const isStream = stream > 0;
  const name = isStream ? streamsOf(file)[stream - 1] : '';
  if (name === undefined) throw new DiskDamagedError(`${base.what} has no stream ${stream}`);
  const reparsePoint =
    (flags & reparsePointFlag) === 0 || isStream ? undefined : await readReparsePoint(volume, file, signal);
  const isDirectory = base.isDirectory && !isStream;
  const node: NtfsNode = {
    file,
    content: isDirectory ? undefined : await findAttribute(volume, file, attributeTypes.data, name, signal),
    flags,
    securityId: value.bytes.length >= 0x38 ? value.u32(0x34) : 0,
    reparsePoint,
    kind: reparsePoint?.target === undefined ? (isDirectory ? 'directory' : 'file') : 'link',
  };
  return makeNode(volume.source, {
    id: nodeId(base, stream),
    kind: node.kind,
    bytes: reparsePoint?.target?.length ?? (node.content === undefined ? 0 : bytesOf(node.content)),
    mode: modeOf(node),
    owner: { uid: 0, gid: 0 },
    names: await countNames(volume, file, signal),
    createdAt: timeOf(value, 0x00),
    modifiedAt: timeOf(value, 0x08),
    changedAt: timeOf(value, 0x10),
    accessedAt: timeOf(value, 0x18),
    device: undefined,
    list: (listSignal) => listNames(volume, file, listSignal),
    find: async (wanted, findSignal) => findEntry(volume, file, wanted, findSignal),
    runs: (range, runsSignal) => readFileRuns(volume, node, range, runsSignal),
    linkTarget: async () => reparsePoint?.target ?? new Uint8Array(0),
    attributes: async (listSignal) =>
      isStream ? [] : readExtendedAttributes(volume, file, node, listSignal),
  });
}

async function* readFileRuns(
  volume: NtfsVolume,
  { file, content, reparsePoint }: NtfsNode,
  range?: ContentRange,
  signal?: AbortSignal,
): AsyncGenerator<ContentRun> {
  if (reparsePoint !== undefined)
    throw new DiskUnsupportedError(otherContentOf(reparsePoint.tag), file.base.what);
  if (content !== undefined) yield* readAttributeRuns(volume, file, content, range, signal);
}

/** NTFS has no permissions of Unix: those of whoever may read everything, and of read-only files. */
function modeOf({ kind, flags }: NtfsNode): number {
  if (kind === 'link') return 0o777;
  if (kind === 'directory') return 0o755;
  return (flags & readOnly) === 0 ? 0o644 : 0o444;
}

/** Names without the short ones, which are second names in the same directories. */
async function countNames(
  volume: NtfsVolume,
  file: NtfsFile,
  signal: AbortSignal | undefined,
): Promise<number> {
  let names = 0;
  for await (const name of partsOf(volume, file, attributeTypes.fileName, '', { signal }))
    if (name.kind === 'resident' && name.value.u8(0x41) !== dosName) names += 1;
  return names;
}

const unixEpoch = 116_444_736_000_000_000n;

/** From units of 100 nanoseconds since 1601. */
function timeOf(fields: Fields, at: number): Nanoseconds {
  const units = BigInt.asIntN(64, (BigInt(fields.u32(at + 4)) << 32n) | BigInt(fields.u32(at)));
  return (units - unixEpoch) * 100n;
}

/**
 * The entry of a name in a directory, or, by `<name>:<stream>`, of a stream of what it names; without a name, of the
 * directory itself. Streams can also be asked for as Windows shows them, with `:$DATA` at the end.
 */
async function findEntry(
  volume: NtfsVolume,
  file: NtfsFile,
  name: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<DirectoryEntry | undefined> {
  const wanted = decodeWtf8(name);
  if (wanted === undefined || wanted === '') return undefined;
  // Linux writes names with colons.
  const entry = await findByName(volume, file, wanted, signal);
  const colon = wanted.indexOf(':');
  if (entry !== undefined || colon === -1) return entry;
  const owner = colon === 0 ? undefined : await findByName(volume, file, wanted.slice(0, colon), signal);
  if (colon > 0 && owner === undefined) return undefined;
  const ofOwner = owner === undefined ? file : await readFile(volume, parseNodeId(owner.id), signal);
  const streamName = wanted.slice(colon + 1).replace(/:\$data$/i, '');
  const stream = await findStream(volume, streamsOf(ofOwner), streamName, signal);
  return stream === 0 ? undefined : { name, id: nodeId(ofOwner.base, stream), kind: 'file' };
}

/** The place of a stream among those of its file, counted from 1; 0 if there is none. */
async function findStream(
  volume: NtfsVolume,
  names: readonly string[],
  wanted: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (names.length === 0 || names.includes(wanted)) return names.indexOf(wanted) + 1;
  const upCase = await readUpCase(volume, signal);
  return names.findIndex((name) => compareNames(name, wanted, upCase) === 0) + 1;
}
