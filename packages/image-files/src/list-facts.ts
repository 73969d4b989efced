import { DiskError, type FileNode, type FileSystem, type NodeKind } from '@holdfast/disk';
import { isOfKind, toHex, utf8 } from '@holdfast/engine';
import { joinBytes } from './join-bytes.ts';

/** Facts of a file, directory or link by which its versions are told apart. */
export interface NodeFacts {
  readonly kind: NodeKind;
  readonly bytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly modifiedAt: bigint;
  readonly changedAt: bigint;
}

/** Entries of a directory, as far as they are wanted. */
export interface DirectoryListing {
  readonly directories: readonly { readonly path: Uint8Array; readonly id: number }[];
  readonly wanted: readonly { readonly path: Uint8Array; readonly facts: NodeFacts }[];
  /** Reasons why some of it is not known. */
  readonly problems: readonly string[];
}

export interface ListWishes {
  /** @param path - within the file system, of a directory with a slash at its end. */
  readonly isWanted: (path: Uint8Array) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lists a directory: the directories in it, and facts of what is wanted. Of what is not wanted no more is read than its
 * name. Damage is a problem of the listing.
 * @param path - within the file system, with a slash at its end; empty for the root.
 */
export async function listFacts(
  fileSystem: FileSystem,
  { path, id }: { readonly path: Uint8Array; readonly id: number },
  { isWanted, signal }: ListWishes,
): Promise<DirectoryListing> {
  const directories: { readonly path: Uint8Array; readonly id: number }[] = [];
  const wanted: { readonly path: Uint8Array; readonly facts: NodeFacts }[] = [];
  const problems: string[] = [];
  const noting = async (what: Uint8Array, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof DiskError) && !isOfKind(error, 'damage')) throw error;
      problems.push(`${new TextDecoder().decode(what)}: ${error.message}`);
    }
  };
  const known = new Set<string>();
  let hasTwice = false;
  await noting(path, async () => {
    const directory = await fileSystem.node(id, signal);
    for await (const entry of directory.list(signal)) {
      const child = joinBytes(path, entry.name);
      const name = toHex(entry.name);
      // Told of once, and listed once: a directory that has one block many times would be endless.
      if (known.has(name)) {
        if (!hasTwice) problems.push(`${new TextDecoder().decode(child)}: its directory has the name twice`);
        hasTwice = true;
        continue;
      }
      known.add(name);
      await noting(child, async () => {
        let node: FileNode | undefined;
        if (entry.kind === undefined) node = await fileSystem.node(entry.id, signal);
        const isDirectory = (node?.kind ?? entry.kind) === 'directory';
        const whole = isDirectory ? joinBytes(child, utf8('/')) : child;
        if (isDirectory) directories.push({ path: whole, id: entry.id });
        if (!isWanted(whole)) return;
        node ??= await fileSystem.node(entry.id, signal);
        wanted.push({ path: whole, facts: factsOf(node) });
      });
    }
  });
  return { directories, wanted, problems };
}

function factsOf({ kind, bytes, mode, owner, modifiedAt, changedAt }: FileNode): NodeFacts {
  return { kind, bytes, mode, ...owner, modifiedAt, changedAt };
}

/** Equal for facts that are. */
export function factsText({ kind, bytes, mode, uid, gid, modifiedAt, changedAt }: NodeFacts): string {
  return [kind, bytes, mode, uid, gid, modifiedAt, changedAt].join(' ');
}
