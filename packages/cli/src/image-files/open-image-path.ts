import {
  type ByteSource,
  cacheBlocks,
  detectContent,
  DiskError,
  DiskUnsupportedError,
  type FileNode,
  type FileSystem,
  findPath,
  openFileSystem,
  type Partition,
  readPartitionTable,
  sliceOf,
} from '@holdfast/disk';
import {
  checkHasBlocks,
  getVolume,
  NotSupportedError,
  type PointReader,
  type Root,
  UnknownNameError,
} from '@holdfast/engine';
import { FileSystemError } from '../terminal/errors.ts';
import { volumeSource } from './volume-source.ts';

/** The target of a path within an image: the partitions of a volume, or a node of a file system. */
export type ImagePlace =
  | {
      readonly kind: 'partitions';
      readonly partitions: readonly FoundPartition[];
      readonly notices: readonly string[];
    }
  | {
      readonly kind: 'node';
      readonly fileSystem: FileSystem;
      readonly node: FileNode;
      /** The path as it was understood, without a slash at its end: `/dev/xvda1/etc`. */
      readonly path: string;
      readonly notices: readonly string[];
    };

interface FoundPartition extends Partition {
  /** As it is written in a path. */
  readonly path: string;
  /** The name of its content; absent where nothing is known of it. */
  readonly content: string | undefined;
}

/**
 * Finds what a path within an image leads to: `/dev/xvda1/etc/passwd` is `/etc/passwd` of partition 1 of the volume that
 * the machine has as `/dev/xvda`; `vol-0123p1/etc` the same by the volume's id. The number can be left out where one
 * partition alone has a file system, or all of the volume is one.
 * @throws {@link UnknownNameError} there is no such volume, partition, file or directory.
 * @throws {@link NotSupportedError} blocks of the volume are not in the vault, or what is on it is not read.
 * @throws {@link FileSystemError} the file system is damaged.
 */
export async function openImagePath(
  reader: PointReader,
  path: string,
  options: { readonly followLast?: boolean; readonly signal: AbortSignal },
): Promise<ImagePlace> {
  const { signal } = options;
  checkHasBlocks(reader);
  const place = parseImagePath(reader.root.image?.snapshots ?? [], path);
  const volume = await getVolume(reader, place.volume, signal);
  const source = cacheBlocks(volumeSource(reader, volume));
  return inTermsOfHoldfast(path, async () => {
    const table = await readPartitionTable(source, signal);
    if (table === undefined && place.partition !== undefined)
      throw new UnknownNameError(`volume ${place.volume} has no partitions; write "${place.name}/…"`);
    if (table === undefined) return openNode(source, place.name, place.inner ?? '', options);
    const partitions = await findContents(source, table.partitions, place.name, signal);
    if (place.partition === undefined && place.inner === undefined)
      return { kind: 'partitions', partitions, notices: table.notices };
    const { offset, bytes, path: name } = choosePartition(partitions, place);
    const opened = await openNode(sliceOf(source, offset, bytes), name, place.inner ?? '', options);
    return { ...opened, notices: [...table.notices, ...opened.notices] };
  });
}

/** Runs work on a file system, and turns what it complains of into errors that the command line knows. */
export async function inTermsOfHoldfast<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    const message = `${JSON.stringify(path)}: ${error.message}`;
    if (error instanceof DiskUnsupportedError)
      throw new NotSupportedError(`${message}; restore the volume with "--to-file" or "--to-volumes"`, {
        cause: error,
      });
    throw new FileSystemError(message, { cause: error });
  }
}

interface ParsedPath {
  readonly volume: string;
  /** The volume as it was written. */
  readonly name: string;
  readonly partition: number | undefined;
  /** Within the file system; absent where nothing follows the volume. */
  readonly inner: string | undefined;
}

function parseImagePath(snapshots: NonNullable<Root['image']>['snapshots'], path: string): ParsedPath {
  const names = snapshots.flatMap(({ volume, device }) => [
    // A volume's id ends in digits and letters up to f: only a "p" tells where it ends.
    { volume, name: volume, rest: /^(?:p(?<number>\d+))?(?:\/(?<inner>.*))?$/s },
    ...(device === undefined
      ? []
      : [{ volume, name: device, rest: /^(?:p?(?<number>\d+))?(?:\/(?<inner>.*))?$/s }]),
  ]);
  // Longest first: EC2 calls volumes /dev/sda and /dev/sda1 alike.
  for (const { volume, name, rest } of names.sort((one, other) => other.name.length - one.name.length)) {
    const found = path.startsWith(name) ? rest.exec(path.slice(name.length)) : null;
    if (found === null) continue;
    const { number, inner } = found.groups ?? {};
    return { volume, name, partition: number === undefined ? undefined : Number(number), inner };
  }
  const known = snapshots.map(({ volume, device }) => device ?? volume).join(', ');
  throw new UnknownNameError(
    `${JSON.stringify(path)} is on no volume of this image; begin with one of ${known}`,
  );
}

async function findContents(
  source: ByteSource,
  partitions: readonly Partition[],
  name: string,
  signal: AbortSignal,
): Promise<FoundPartition[]> {
  const found: FoundPartition[] = [];
  for (const partition of partitions) {
    const content = await detectContent(sliceOf(source, partition.offset, partition.bytes), signal);
    const separator = /\d$/.test(name) || name.startsWith('vol-') ? 'p' : '';
    found.push({ ...partition, path: `${name}${separator}${partition.number}`, content: content?.name });
  }
  return found;
}

function choosePartition(partitions: readonly FoundPartition[], place: ParsedPath): FoundPartition {
  const fits = ({ number, content }: FoundPartition): boolean =>
    place.partition === undefined ? /^ext|^xfs|^ntfs/i.test(content ?? '') : number === place.partition;
  const [chosen, ...more] = partitions.filter(fits);
  if (chosen !== undefined && more.length === 0) return chosen;
  const all = partitions.map(({ path, content }) => `${path} (${content ?? 'nothing known'})`).join(', ');
  throw new UnknownNameError(`volume ${place.volume} has these partitions, name one of them: ${all}`);
}

async function openNode(
  source: ByteSource,
  name: string,
  inner: string,
  options: { readonly followLast?: boolean; readonly signal: AbortSignal },
): Promise<Extract<ImagePlace, { kind: 'node' }>> {
  const fileSystem = await openFileSystem(source, { signal: options.signal });
  const node = await findPath(fileSystem, Buffer.from(inner), options);
  const path = `${name}/${inner}`.replace(/\/+$/, '');
  if (node === undefined) throw new UnknownNameError(`there is nothing at ${JSON.stringify(path)}`);
  return { kind: 'node', fileSystem, node, path, notices: fileSystem.notices };
}
