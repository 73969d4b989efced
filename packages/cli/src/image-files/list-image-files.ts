import { DiskError, type FileNode, walkTree } from '@holdfast/disk';
import type { ImagePart, ImagePlace } from '@holdfast/image-files';
import * as z from 'zod';
import { EntryKind, entryKindOf } from '../names/entry-kind.ts';
import { WholeNumber, lineAnswer, pathShape, Time } from '../terminal/answer.ts';
import type { Output } from '../terminal/output.ts';
import { right } from '../terminal/table.ts';
import { bytesText, pathFields, pathText, timeText } from '../terminal/text.ts';

export const ListedPart = lineAnswer(
  'of images: one for each partition or logical volume that a path leads to',
  z.strictObject({
    kind: z.enum(['volume', 'partition', 'logical-volume']),
    path: z.string(),
    bytes: WholeNumber,
    /** These five of a partition alone. */
    number: WholeNumber.optional(),
    offset: WholeNumber.optional(),
    type: z.string().optional(),
    name: z.string().optional(),
    uuid: z.string().optional(),
    content: z.string().optional(),
    fileSystem: z.strictObject({ uuid: z.string().optional(), label: z.string().optional() }).optional(),
  }),
);
export const ListedImageFile = lineAnswer(
  'of images: one for each file that a path leads to',
  z.strictObject({
    ...pathShape,
    kind: EntryKind,
    bytes: WholeNumber,
    modifiedAt: Time,
    mode: WholeNumber,
    uid: WholeNumber,
    gid: WholeNumber,
    linkTarget: z.string().optional(),
  }),
);

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
      await out.answer(ListedPart, {
        kind,
        path,
        bytes: source.bytes,
        ...partition,
        content: name,
        fileSystem,
      });
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
  const modifiedAt = new Date(Number(node.modifiedAt / 1_000_000n));
  const target = kind === 'link' ? await node.linkTarget(signal) : undefined;
  if (out.json) {
    const linkTarget = target && pathFields(target).path;
    return out.answer(ListedImageFile, {
      ...pathFields(path),
      kind: entryKindOf(kind),
      bytes,
      modifiedAt,
      mode,
      ...owner,
      linkTarget,
    });
  }
  const more = `${kind === 'directory' ? '/' : ''}${target === undefined ? '' : ` -> ${pathText(target)}`}`;
  await out.line(
    `${(kind === 'file' ? bytesText(bytes) : '-').padStart(10)}  ${timeText(modifiedAt)}  ${pathText(path)}${more}`,
  );
}
