import {
  listEntries,
  listVolumes,
  type ListedEntry,
  type PointReader,
  type PointVolume,
  type Root,
  UnknownNameError,
  VolumeSnapshot,
} from '@holdfast/engine';
import { namingPath, openPointImage } from '@holdfast/image-files';
import * as z from 'zod';
import { ListedImageFile, ListedPart, listImageFiles } from '../image-files/list-image-files.ts';
import { WholeNumber, lineAnswer, pathShape, Time } from '../terminal/answer.ts';
import { defineCommand } from '../terminal/command.ts';
import { warnDegraded } from '../names/degraded-point.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { EntryKind } from '../names/entry-kind.ts';
import { openPoint } from '../names/open-point.ts';
import { parsePointPath, pathWord } from '../names/point-path.ts';
import type { Output } from '../terminal/output.ts';
import { right, wideOnly } from '../terminal/table.ts';
import { resolvePointOrResource } from '../names/resolve-point.ts';
import { bytesText, pathFields, pathText, timeText } from '../terminal/text.ts';

const ListedDirectory = lineAnswer(
  'of points of files: one for each directory that only paths imply',
  z.strictObject({ path: z.string(), kind: z.literal('implied-directory') }),
);
const ListedFile = lineAnswer(
  'of points of files: one for each entry',
  z.strictObject({
    ...pathShape,
    kind: EntryKind,
    bytes: WholeNumber,
    modifiedAt: Time,
    linkTarget: z.string().optional(),
    carriedFrom: z.string().optional(),
  }),
);
const ListedVolume = lineAnswer(
  'of images without a path: one for each volume',
  z.strictObject({
    kind: z.literal('volume'),
    ...VolumeSnapshot.shape,
    inVault: z.boolean(),
    bytes: WholeNumber.optional(),
    blockBytes: WholeNumber.optional(),
    fullReason: z.string().optional(),
  }),
);

export const lsCommand = defineCommand({
  name: 'ls',
  summary: 'List what a recovery point holds, like a directory. Of a resource, its newest point.',
  answers: {
    directory: ListedDirectory,
    entry: ListedFile,
    volume: ListedVolume,
    part: ListedPart,
    file: ListedImageFile,
  },
  declare: (command) =>
    command
      .argument('<point|resource>')
      .argument('[path]', pathWord)
      .option('-r, --recursive', 'everything below, and no lines for directories that only paths imply'),
  async run(context, { recursive }, word, typed) {
    const { connect, out, clock, signal, warn } = context;
    const { name, path = '' } = parsePointPath(word, typed);
    const connection = await connect();
    const point = await resolvePointOrResource(connection.services.catalog, name, clock.now());
    await warnDegraded(point, connection, context);
    const reader = await openPoint(connection, point);
    if (reader.root.image !== undefined) {
      if (path === '') {
        await printVolumes(reader, reader.root.image, out, signal);
        return exitCodes.ok;
      }
      const place = await openPointImage(reader, {
        onNotice: warn,
        openSnapshots: connection.openSnapshots,
        signal,
      }).getPlace(path);
      const unread = await namingPath(path, async () =>
        listImageFiles(place, { recursive: recursive === true, out, warn, signal }),
      );
      return unread === 0 ? exitCodes.ok : exitCodes.failed;
    }
    // A directory is often written without its slash.
    const paths = path === '' || path.endsWith('/') ? [path] : [path, `${path}/`];
    for (const candidate of paths) {
      if ((await printEntries(reader, candidate, recursive === true, out, signal)) > 0) return exitCodes.ok;
    }
    if (path === '') return exitCodes.ok;
    throw new UnknownNameError(
      `point ${point.pointId} has nothing at ${JSON.stringify(path)}; "holdfast ls ${point.pointId}" shows its top`,
    );
  },
});

async function printEntries(
  reader: PointReader,
  path: string,
  recursive: boolean,
  out: Output,
  signal: AbortSignal,
): Promise<number> {
  // The content of a directory also implies it, so one with an entry of its own must not be shown twice.
  const shown = new Set<string>();
  let count = 0;
  for await (const listed of listEntries(reader, path, recursive, signal)) {
    count += 1;
    if ('directory' in listed) {
      if (!shown.has(listed.directory)) await printDirectory(listed.directory, out);
      continue;
    }
    const { entry } = listed.file;
    const name = Buffer.from(entry.path).toString('utf8');
    if (entry.kind === 'directory' && name === path && !recursive) continue;
    if (name.endsWith('/')) shown.add(name);
    await printFile(listed.file, out);
  }
  return count;
}

async function printDirectory(path: string, out: Output): Promise<void> {
  if (out.json) return out.answer(ListedDirectory, { path, kind: 'implied-directory' });
  await out.line(`${'-'.padStart(10)}  ${'-'.padEnd(20)}  ${path}`);
}

async function printFile(
  { entry, carriedFrom }: Extract<ListedEntry, { file: unknown }>['file'],
  out: Output,
): Promise<void> {
  const { path, kind, size, modifiedMs, attributes } = entry;
  const modified = new Date(modifiedMs);
  const link = attributes['link-target'];
  if (out.json) {
    return out.answer(ListedFile, {
      ...pathFields(path),
      kind,
      bytes: size,
      modifiedAt: modified,
      linkTarget: link,
      carriedFrom,
    });
  }
  const isFile = kind === 'object' || kind === 'file';
  const more = `${link === undefined ? '' : ` -> ${link}`}${carriedFrom === undefined ? '' : `  (content of ${carriedFrom})`}`;
  await out.line(
    `${(isFile ? bytesText(size) : '-').padStart(10)}  ${timeText(modified)}  ${pathText(path)}${more}`,
  );
}

/** Volumes of an image; `IN THE VAULT`: whether their blocks are. */
async function printVolumes(
  reader: PointReader,
  { snapshots }: NonNullable<Root['image']>,
  out: Output,
  signal: AbortSignal,
): Promise<void> {
  const stored = new Map<string, PointVolume>();
  for await (const volume of listVolumes(reader, signal)) stored.set(volume.volume, volume);
  if (out.json) {
    for (const snapshot of snapshots) {
      const { bytes, blockBytes, fullReason } = stored.get(snapshot.volume) ?? {};
      await out.answer(ListedVolume, {
        kind: 'volume',
        ...snapshot,
        inVault: bytes !== undefined,
        bytes,
        blockBytes,
        fullReason,
      });
    }
    return;
  }
  await out.table(
    [
      'VOLUME',
      'SNAPSHOT',
      'DEVICE',
      right('SIZE'),
      wideOnly('TYPE'),
      wideOnly('ENCRYPTED'),
      wideOnly('ZONE'),
      'IN THE VAULT',
    ],
    snapshots.map(({ volume, snapshot, device, sizeGiB, volumeType, encrypted, availabilityZone }) => [
      volume,
      snapshot,
      device,
      `${sizeGiB} GiB`,
      volumeType,
      encrypted ? 'yes' : 'no',
      availabilityZone,
      stored.has(volume) ? 'yes' : 'no, in EBS alone',
    ]),
  );
}
