import { DiskPathError } from '../errors.ts';
import type { FileNode, FileSystem } from './file-system.ts';

const slash = 0x2f;
const mostLinks = 40;

export interface FindPathOptions {
  /** A link at the end of the path is followed too, as those on the way always are. @default false */
  readonly followLast?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface FindMountedOptions extends FindPathOptions {
  /**
   * The file system that is mounted on a directory; asked for each one on the way.
   * @param path - from the root of the whole tree on: `/var/lib`, links resolved.
   */
  readonly mountedOn: (path: Uint8Array) => Promise<FileSystem | undefined>;
}

/** A node in a tree of several file systems. */
export interface MountedNode {
  readonly fileSystem: FileSystem;
  readonly node: FileNode;
  /** From the root of the whole tree on, links resolved but for the last; empty for the root itself. */
  readonly path: Uint8Array;
}

/**
 * The node at a path, whose names are parted by slashes; a leading one makes no difference. `..` goes back the way that
 * the path came, and never above the root.
 * @returns `undefined` if there is none.
 * @throws {@link DiskPathError} more than 40 links are on the way: they go round.
 */
export async function findPath(
  fileSystem: FileSystem,
  path: Uint8Array,
  options: FindPathOptions = {},
): Promise<FileNode | undefined> {
  const found = await findMounted(fileSystem, path, { ...options, mountedOn: async () => undefined });
  return found?.node;
}

/** As {@link findPath}, in a tree of which other file systems are parts. */
export async function findMounted(
  fileSystem: FileSystem,
  path: Uint8Array,
  { followLast = false, signal, mountedOn }: FindMountedOptions,
): Promise<MountedNode | undefined> {
  const root = { fileSystem, node: await fileSystem.root(signal), path: new Uint8Array(0) };
  let way: MountedNode[] = [root];
  const names = namesOf(path).reverse();
  let links = 0;
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    const here = way.at(-1) ?? root;
    if (here.node.kind !== 'directory') return undefined;
    if (isDots(name, 1)) continue;
    if (isDots(name, 2)) {
      if (way.length > 1) way.pop();
      continue;
    }
    const entry = await here.node.find(name, signal);
    if (entry === undefined) return undefined;
    const node = await here.fileSystem.node(entry.id, signal);
    if (node.kind !== 'link' || (names.length === 0 && !followLast)) {
      const next = { fileSystem: here.fileSystem, node, path: below(here.path, name) };
      way.push(node.kind === 'directory' ? await entered(next, mountedOn, signal) : next);
      continue;
    }
    links += 1;
    if (links > mostLinks) {
      const text = JSON.stringify(new TextDecoder().decode(path));
      throw new DiskPathError(`path ${text} leads through more than ${mostLinks} links; they go round`);
    }
    const target = await node.linkTarget(signal);
    if (target[0] === slash) way = [root];
    names.push(...namesOf(target).reverse());
  }
  return way.at(-1);
}

/** The root of what is mounted on a directory, or the directory itself. */
async function entered(
  here: MountedNode,
  mountedOn: FindMountedOptions['mountedOn'],
  signal: AbortSignal | undefined,
): Promise<MountedNode> {
  const fileSystem = await mountedOn(here.path);
  return fileSystem === undefined
    ? here
    : { fileSystem, node: await fileSystem.root(signal), path: here.path };
}

function below(directory: Uint8Array, name: Uint8Array): Uint8Array<ArrayBuffer> {
  const path = new Uint8Array(directory.length + 1 + name.length);
  path.set(directory);
  path[directory.length] = slash;
  path.set(name, directory.length + 1);
  return path;
}

function namesOf(path: Uint8Array): Uint8Array[] {
  const names: Uint8Array[] = [];
  for (let from = 0; from <= path.length;) {
    const next = path.indexOf(slash, from);
    const to = next === -1 ? path.length : next;
    if (to > from) names.push(path.subarray(from, to));
    from = to + 1;
  }
  return names;
}

function isDots(name: Uint8Array, count: number): boolean {
  return name.length === count && name.every((byte) => byte === 0x2e);
}
