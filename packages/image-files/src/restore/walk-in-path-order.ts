import { DiskError, type FileNode, type FileSystem, mostPathBytes } from '@holdfast/disk';
import { BackupError, concernsOne, SourceEntryError } from '@holdfast/engine';
import { findDamageOfVault } from '../file-system-errors.ts';
import { bytesOfLatin, latinOf } from '../latin-text.ts';

/** A half-open range of paths, a character a byte: from inclusive, to exclusive; absent = unbounded. */
export interface LatinRange {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** A directory of a file system, and what paths below it begin with: nothing, or a text that ends in `/`. */
export interface Tree {
  readonly fileSystem: FileSystem;
  readonly root: FileNode;
  readonly prefix: string;
}

/**
 * A node by its path, a character a byte; a directory's ends in `/`. Or why there is none; of a directory, why not all
 * below it is there. No path comes twice.
 */
export type OrderedStep = { readonly path: string } & (
  | { readonly node: FileNode; readonly error?: BackupError | undefined }
  | { readonly node?: undefined; readonly error: BackupError }
);

/** Names of the directories on the way that a walk has in memory, each some 150 bytes: 300 MB. */
const mostNames = 2 * 2 ** 20;

interface Name {
  /** Below the directory; with a `/` at the end if it says that it is one. */
  readonly text: string;
  readonly id: number;
  readonly error?: BackupError;
}

interface Frame {
  readonly prefix: string;
  readonly names: readonly Name[];
  next: number;
}

/**
 * Every node of a tree in the order of the bytes of whole paths, as entries of a point are ordered, from anywhere on:
 * what lies before a range costs only the directories on the way to it. Damage is told of where it is, and the walk goes
 * on beside it. A directory that is met again, so that the tree goes round or multiplies, is damage.
 * Memory: the names of the directories on the way, and a number for each directory.
 * @param most - names of directories on the way; what is in a larger one beyond them is named as not restored.
 */
export async function* walkInPathOrder(
  { fileSystem, root, prefix }: Tree,
  { from = '', to }: LatinRange,
  signal?: AbortSignal,
  most = mostNames,
): AsyncGenerator<OrderedStep> {
  const entered = new Set([root.id]);
  const frames: Frame[] = [];
  const enter = async (path: string, node: FileNode): Promise<BackupError | undefined> => {
    const room = frames.reduce((left, { names }) => left - names.length, most);
    const { names, error } = await listNames(fileSystem, node, path, { room, most }, signal);
    frames.push({ prefix: path, names, next: 0 });
    return error;
  };
  if (!isBefore(prefix, to)) return;
  const errorOfRoot = await enter(prefix, root);
  if (prefix >= from) {
    if (prefix !== '') yield { path: prefix, node: root, error: errorOfRoot };
    else if (errorOfRoot !== undefined) yield { path: prefix, error: errorOfRoot };
  }
  for (let top = frames.at(-1); top !== undefined; top = frames.at(-1)) {
    const name = top.names[top.next];
    top.next += 1;
    if (name === undefined) {
      frames.pop();
      continue;
    }
    const path = top.prefix + name.text;
    if (!isBefore(path, to)) return;
    const isDirectory = name.text.endsWith('/');
    const isOnTheWay = isDirectory && from.startsWith(path);
    if (path < from && !isOnTheWay) continue;
    signal?.throwIfAborted();
    const found = name.error ?? (await tried(path, fileSystem.node(name.id, signal)));
    const node = found instanceof BackupError ? found : (complaintOf(path, found, entered) ?? found);
    if (node instanceof BackupError) {
      if (path >= from) yield { path, error: node };
      continue;
    }
    let error: BackupError | undefined;
    if (isDirectory) {
      entered.add(node.id);
      error = await enter(path, node);
    }
    if (path >= from) yield { path, node, error };
  }
}

function isBefore(path: string, to: string | undefined): boolean {
  return to === undefined || path < to;
}

/** Names of a directory, in order; those before damage, where there is some, or for which there is room. */
async function listNames(
  fileSystem: FileSystem,
  directory: FileNode,
  path: string,
  { room, most }: { readonly room: number; readonly most: number },
  signal: AbortSignal | undefined,
): Promise<{ readonly names: readonly Name[]; readonly error: BackupError | undefined }> {
  const names: Name[] = [];
  /** Names, and whether it was told that they are there again: once, or a block that is many would be endless. */
  const known = new Map<string, 'once' | 'told'>();
  let error: BackupError | undefined;
  try {
    for await (const { name, id, kind } of directory.list(signal)) {
      const text = latinOf(name);
      const before = known.get(text);
      if (before === 'told') continue;
      if (names.length >= room) {
        error = tooMany(path, most);
        break;
      }
      const twice = before === 'once';
      known.set(text, twice ? 'told' : 'once');
      const isDirectory = (kind ?? (await kindOf(fileSystem, id, signal))) === 'directory';
      names.push({
        text: isDirectory ? `${text}/` : text,
        id,
        ...(twice && { error: damaged(path + text, 'its directory has the name twice') }),
      });
    }
  } catch (failure) {
    error = asEntryError(path, failure);
  }
  names.sort((one, other) => (one.text < other.text ? -1 : Number(one.text > other.text)));
  return { names, error };
}

/** The kind of a node whose directory does not say it; of one that cannot be read, the walk finds out. */
async function kindOf(fileSystem: FileSystem, id: number, signal: AbortSignal | undefined) {
  const node = await tried('', fileSystem.node(id, signal));
  return node instanceof Error ? undefined : node.kind;
}

function complaintOf(path: string, node: FileNode, entered: ReadonlySet<number>): BackupError | undefined {
  const isDirectory = path.endsWith('/');
  if ((node.kind === 'directory') !== isDirectory)
    return damaged(path, `it is a ${node.kind}, and its directory says otherwise`);
  if (!isDirectory) return undefined;
  if (entered.has(node.id)) return damaged(path, `directory ${node.id} is in more than one place`);
  return path.length > mostPathBytes
    ? damaged(path, `its path is longer than ${mostPathBytes} bytes`)
    : undefined;
}

async function tried(path: string, work: Promise<FileNode>): Promise<FileNode | BackupError> {
  try {
    return await work;
  } catch (error) {
    return asEntryError(path, error);
  }
}

/** An error that concerns one node, in terms of the product; all others are thrown on. */
export function asEntryError(path: string, error: unknown): BackupError {
  if (concernsOne(error)) return error;
  if (error instanceof DiskError)
    return findDamageOfVault(error) ?? damaged(path, error.message, { cause: error });
  throw error;
}

function tooMany(path: string, most: number): SourceEntryError {
  return new SourceEntryError(
    'unreadable',
    textOf(path),
    `and the directories above it have more than ${most} names, and not all of them are restored; restore the volume ` +
      'with --to-volumes or --to-file, and copy them out of a mount',
  );
}

function damaged(path: string, what: string, options?: ErrorOptions): SourceEntryError {
  return new SourceEntryError(
    'unreadable',
    textOf(path),
    `cannot be read out of its file system: ${what}`,
    options,
  );
}

function textOf(path: string): string {
  return new TextDecoder().decode(bytesOfLatin(path));
}
