import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type FileNode, type FileSystem, walkTree } from '../../src/index.ts';

/** The compared facts of a file, directory or link. Content is a hash. */
export interface TreeItem {
  readonly kind: string;
  readonly mode: number;
  readonly uid: number;
  readonly modifiedSeconds: number;
  readonly names: number | undefined;
  readonly content: string;
}

/** The tree below a directory of this machine, by paths as hexadecimal text: names need not be text. */
export function treeOfDirectory(
  directory: string,
  into = new Map<string, TreeItem>(),
  below = Buffer.alloc(0),
): Map<string, TreeItem> {
  const slash = Buffer.from('/');
  const here =
    below.length === 0 ? Buffer.from(directory) : Buffer.concat([Buffer.from(directory), slash, below]);
  for (const name of readdirSync(here, { encoding: 'buffer' })) {
    const path = below.length === 0 ? name : Buffer.concat([below, slash, name]);
    const full = Buffer.concat([here, slash, name]);
    const stat = lstatSync(full);
    const kind = stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'link' : 'file';
    const content =
      kind === 'file'
        ? readFileSync(full)
        : kind === 'link'
          ? readlinkSync(full, { encoding: 'buffer' })
          : Buffer.alloc(0);
    into.set(path.toString('hex'), {
      kind,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      modifiedSeconds: Math.floor(stat.mtimeMs / 1000),
      names: kind === 'directory' ? undefined : stat.nlink,
      content: hashOf([content]),
    });
    if (kind === 'directory') treeOfDirectory(directory, into, path);
  }
  return into;
}

/** The tree of a file system in the same way, but for what `mke2fs` adds. @throws something of it is damaged. */
export async function treeOfFileSystem(fileSystem: FileSystem): Promise<Map<string, TreeItem>> {
  const items = new Map<string, TreeItem>();
  for await (const { path, node, error } of walkTree(fileSystem, await fileSystem.root())) {
    if (error !== undefined) throw error;
    const text = Buffer.from(path).toString('hex');
    if (text === Buffer.from('lost+found').toString('hex')) continue;
    items.set(text, {
      kind: node.kind,
      mode: node.mode,
      uid: node.owner.uid,
      modifiedSeconds: Number(node.modifiedAt / 1_000_000_000n),
      names: node.kind === 'directory' ? undefined : node.names,
      content: await contentOf(node),
    });
  }
  return items;
}

async function contentOf(node: FileNode): Promise<string> {
  if (node.kind === 'file') return hashOf(await Array.fromAsync(node.read()));
  return hashOf(node.kind === 'link' ? [await node.linkTarget()] : []);
}

function hashOf(pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}
