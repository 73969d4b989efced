import { DiskError, type FileNode, walkTree } from '@holdfast/disk';
import type { ImagePart, ImagePlace } from '@holdfast/image-files';
import type { Output } from '../terminal/output.ts';
import { right } from '../terminal/table.ts';
import { bytesText, pathFields, pathText, timeText } from '../terminal/text.ts';

/**
 * Prints what a path within an image leads to: partitions, a file, or what is directly in a directory, or below it.
 * @returns nodes that could not be read, which are told of with `warn`.
 */
export async function listImageFiles(
  place: ImagePlace,
  {
    recursive,
    out,
    warn,
    signal,
  }: { recursive: boolean; out: Output; warn: (text: string) => void; signal: AbortSignal },
): Promise<number> {
  if (place.kind === 'parts') {
    await printParts(place.parts, out);
    return 0;
  }
  const { node, path, fileSystem } = place;
  if (node.kind !== 'directory') {
    await printNode(Buffer.from(path), node, out, signal);
    return 0;
  }
  let unread = 0;
  const complain = (where: Uint8Array, error: DiskError): void => {
    unread += 1;
    warn(`${pathText(where)} cannot be read: ${error.message}`);
  };
  const under = (name: Uint8Array): Buffer => Buffer.concat([Buffer.from(`${path}/`), name]);
  const print = async (where: Buffer, find: () => FileNode | Promise<FileNode>): Promise<void> => {
    try {
      await printNode(where, await find(), out, signal);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      complain(where, error);
    }
  };
  if (recursive) {
    for await (const step of walkTree(fileSystem, node, signal))
      if (step.error === undefined) await print(under(step.path), () => step.node);
      else complain(under(step.path), step.error);
    return unread;
  }
  const entries = await Array.fromAsync(node.list(signal));
  for (const { name, id } of entries.sort((one, other) => Buffer.compare(one.name, other.name))) {
    await print(under(name), async () => fileSystem.node(id, signal));
  }
  return unread;
}

async function printParts(parts: readonly ImagePart[], out: Output): Promise<void> {
  if (out.json) {
    for (const { kind, path, source, content, partition } of parts) {
      const { name, uuid, label } = content ?? {};
      const fileSystem = content && { uuid, label };
      await out.record({ kind, path, bytes: source.bytes, ...partition, content: name, fileSystem });
    }
    return;
  }
  await out.table(
    ['PART', right('SIZE'), 'CONTENT', 'NAME'],
    parts.map(({ path, source, content, partition }) => [
      path,
      bytesText(source.bytes),
      content?.name,
      partition?.name ?? '',
    ]),
  );
}

async function printNode(path: Uint8Array, node: FileNode, out: Output, signal: AbortSignal): Promise<void> {
  const { kind, bytes, mode, owner } = node;
  const modified = new Date(Number(node.modifiedAt / 1_000_000n));
  const target = kind === 'link' ? await node.linkTarget(signal) : undefined;
  if (out.json) {
    const linkTarget = target && pathFields(target).path;
    return out.record({ ...pathFields(path), kind, size: bytes, modified, mode, ...owner, linkTarget });
  }
  const more = `${kind === 'directory' ? '/' : ''}${target === undefined ? '' : ` -> ${pathText(target)}`}`;
  await out.line(
    `${(kind === 'file' ? bytesText(bytes) : '-').padStart(10)}  ${timeText(modified)}  ${pathText(path)}${more}`,
  );
}
