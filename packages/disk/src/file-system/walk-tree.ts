import { DiskDamagedError, DiskError } from '../errors.ts';
import type { FileNode, FileSystem } from './file-system.ts';

/** Beyond it nothing is entered: no system could open it, and paths would take more memory the deeper they are. */
export const mostPathBytes = 2 ** 16;

/** A node below where a walk began, or the reason why it, or the rest of a directory, cannot be read. */
export type WalkStep = { readonly path: Uint8Array } & (
  | { readonly node: FileNode; readonly error?: undefined }
  | { readonly node?: undefined; readonly error: DiskError }
);

/**
 * Every node below a directory, each before what is in it; damage is told of, and the walk goes on beside it. Each
 * directory is entered once: one that is met again, so that the tree goes round or multiplies, is damage.
 * Memory: a number for each directory, and the way to the current one.
 */
export async function* walkTree(
  fileSystem: FileSystem,
  from: FileNode,
  signal?: AbortSignal,
): AsyncGenerator<WalkStep> {
  const entered = new Set([from.id]);
  const way = [{ path: new Uint8Array(0), entries: from.list(signal)[Symbol.asyncIterator]() }];
  for (let here = way.at(-1); here !== undefined; here = way.at(-1)) {
    const next = await tried(here.entries.next());
    if (next instanceof DiskError) {
      yield { path: here.path, error: next };
      way.pop();
      continue;
    }
    if (next.done === true) {
      way.pop();
      continue;
    }
    const path = pathBelow(here.path, next.value.name);
    const node = await tried(fileSystem.node(next.value.id, signal));
    const error = node instanceof DiskError ? node : complaintOf(node, path, entered);
    if (error !== undefined || node instanceof DiskError) {
      if (error !== undefined) yield { path, error };
      continue;
    }
    yield { path, node };
    if (node.kind !== 'directory') continue;
    entered.add(node.id);
    way.push({ path, entries: node.list(signal)[Symbol.asyncIterator]() });
  }
}

function complaintOf(node: FileNode, path: Uint8Array, entered: ReadonlySet<number>): DiskError | undefined {
  if (node.kind !== 'directory') return undefined;
  if (entered.has(node.id)) return new DiskDamagedError(`directory ${node.id} is in more than one place`);
  if (path.length > mostPathBytes)
    return new DiskDamagedError(`a path is longer than ${mostPathBytes} bytes`);
  return undefined;
}

/** The path of a name in a directory; that of the root is empty. */
export function pathBelow(directory: Uint8Array, name: Uint8Array): Uint8Array<ArrayBuffer> {
  if (directory.length === 0) return new Uint8Array(name);
  const path = new Uint8Array(directory.length + 1 + name.length);
  path.set(directory);
  path[directory.length] = 0x2f;
  path.set(name, directory.length + 1);
  return path;
}

async function tried<Value>(work: Promise<Value>): Promise<Value | DiskError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DiskError) return error;
    throw error;
  }
}
