import { DiskPathError } from '../errors.ts';
import type { FileNode, FileSystem } from './file-system.ts';

const slash = 0x2f;
const mostLinks = 40;

export interface FindPathOptions {
  /** A link at the end of the path is followed too, as those on the way always are. @default false */
  readonly followLast?: boolean;
  readonly signal?: AbortSignal | undefined;
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
  { followLast = false, signal }: FindPathOptions = {},
): Promise<FileNode | undefined> {
  const root = await fileSystem.root(signal);
  let way: FileNode[] = [root];
  const names = namesOf(path).reverse();
  let links = 0;
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    const here = way.at(-1) ?? root;
    if (here.kind !== 'directory') return undefined;
    if (isDots(name, 1)) continue;
    if (isDots(name, 2)) {
      if (way.length > 1) way.pop();
      continue;
    }
    const entry = await here.find(name, signal);
    if (entry === undefined) return undefined;
    const node = await fileSystem.node(entry.id, signal);
    if (node.kind !== 'link' || (names.length === 0 && !followLast)) {
      way.push(node);
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
