import { DiskUnsupportedError, type FileNode, type NodeAttribute, type NodeKind } from '@holdfast/disk';
import {
  exactAttributes,
  fileAttributes,
  linkAttributes,
  millisecondsOf,
  type RestoredFile,
  type SourceEntry,
} from '@holdfast/engine';

const kinds = { file: 'file', directory: 'directory', link: 'symlink' } as const satisfies Partial<
  Record<NodeKind, SourceEntry['kind']>
>;

/** The kind that an entry has; `undefined` of a socket, pipe or device, which no entry is. */
function entryKindOf(kind: NodeKind): SourceEntry['kind'] | undefined {
  return kind in kinds ? kinds[kind as keyof typeof kinds] : undefined;
}

/**
 * The entry of a node, with all that a file system keeps of it: extended attributes and nanoseconds, too. Where it has
 * attributes that cannot be given, such as a long stream of NTFS, its content comes without any.
 * @returns `undefined` of a socket, pipe or device.
 * @throws DiskError its attributes or its target are damaged.
 */
export async function entryOfNode(
  path: Uint8Array,
  node: FileNode,
  signal: AbortSignal | undefined,
): Promise<RestoredFile | undefined> {
  const kind = entryKindOf(node.kind);
  if (kind === undefined) return undefined;
  const { id, bytes, mode, owner, modifiedAt, changedAt } = node;
  const attributes = await findAttributes(node, signal);
  const entry: SourceEntry = {
    path,
    kind,
    size: kind === 'file' ? bytes : 0,
    modifiedMs: millisecondsOf(modifiedAt),
    changeToken: [BigInt(bytes), modifiedAt, changedAt, BigInt(id)]
      .map((part) => part.toString(16))
      .join(':'),
    attributes: {
      ...fileAttributes({ mode, ...owner }),
      ...exactAttributes(modifiedAt, attributes ?? []),
      ...(kind === 'symlink' && linkAttributes(await node.linkTarget(signal))),
    },
    userMetadata: {},
    tags: {},
  };
  return { entry, unkept: attributes === undefined ? ['xattrs'] : [] };
}

async function findAttributes(
  node: FileNode,
  signal: AbortSignal | undefined,
): Promise<readonly NodeAttribute[] | undefined> {
  try {
    return await node.attributes(signal);
  } catch (error) {
    if (error instanceof DiskUnsupportedError) return undefined;
    throw error;
  }
}
