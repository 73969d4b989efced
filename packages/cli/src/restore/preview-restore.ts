import {
  defaultShardLimits,
  findThaw,
  getVolume,
  listEntries,
  listVolumes,
  measureVolume,
  type ObjectStore,
  planRestore,
  planSomeEntries,
  type PointReader,
  type PointRow,
  type RestoreQuote,
  type SourceEntry,
} from '@holdfast/engine';
import {
  type OverwriteRule,
  prices,
  type RestoreDestination,
  type ThawOptions,
  ThawRequest,
} from '@holdfast/engine/model';
import type { ImageSource } from '@holdfast/image-files';
import * as z from 'zod';
import { EntryKind, entryKindOf } from '../names/entry-kind.ts';
import { WholeNumber, documentAnswer, lineAnswer, pathShape } from '../terminal/answer.ts';
import type { CommandContext } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { openImageFiles } from '../image-files/open-image-files.ts';
import { isImage, openPoint } from '../names/open-point.ts';
import {
  checkReadable,
  dollarsText,
  pricesText,
  printThawQuote,
  quoteShape,
} from '../names/archived-point.ts';
import { type DegradedFields, degradedShape } from '../names/degraded-point.ts';
import type { Output } from '../terminal/output.ts';
import { printExtra, recordExtra } from './delete-extra.ts';
import { type Extra, findExtra } from './extra.ts';
import type { LocalRequest } from './restore-here.ts';
import { placeText } from './restore-request.ts';
import type { VolumeFile } from './restore-volume-here.ts';
import { bytesText, countText, durationText, pathFields, pathText } from '../terminal/text.ts';

/** Workers of a deployment with default settings; only the time in the quote depends on it. */
const usualWorkers = 10;

export const QuotedFiles = documentAnswer(
  'with --quote',
  z.strictObject({ pointId: z.string(), ...degradedShape, ...quoteShape }),
);
export const QuotedImage = documentAnswer(
  'with --quote, of an image into volumes',
  z.strictObject({
    pointId: z.string(),
    volumes: WholeNumber,
    bytes: WholeNumber,
    blocks: WholeNumber,
    dollars: z.number(),
  }),
);
export const QuotedFile = documentAnswer(
  'with --quote or --dry-run, and --to-file',
  z.strictObject({
    pointId: z.string(),
    volume: z.string(),
    bytes: WholeNumber,
    blocks: WholeNumber,
    storedBytes: WholeNumber,
    to: z.string(),
  }),
);
export const WrittenEntry = lineAnswer(
  'with --dry-run: one for each entry',
  z.strictObject({ ...pathShape, kind: EntryKind, bytes: WholeNumber, to: z.string() }),
);
export const ListedVolume = lineAnswer(
  'with --dry-run, of an image into volumes: one for each',
  z.strictObject({
    kind: z.literal('volume'),
    volume: z.string(),
    snapshot: z.string(),
    sizeGiB: WholeNumber,
    type: z.string(),
    to: z.string().optional(),
  }),
);

interface RestorePreview {
  readonly reader: PointReader;
  readonly point: PointRow;
  /** Unread entries, for programs; people have been told. */
  readonly degraded: DegradedFields;
  readonly paths: readonly string[] | undefined;
  /** Files of an image, if the paths lead into one. */
  readonly image: ImageSource | undefined;
  readonly destination: RestoreDestination | undefined;
  readonly file: VolumeFile | undefined;
  readonly signal: AbortSignal;
}

interface PreviewWishes extends Pick<RestorePreview, 'destination' | 'file' | 'degraded'> {
  /** Costs are asked for, in place of names. */
  readonly isQuote: boolean;
}

/** Shows what a restore would do, and what it would delete, and starts nothing. */
export async function previewRestore(
  { point, paths, overwrite, deleteExtra, thaw }: LocalRequest,
  { destination, file, degraded, isQuote }: PreviewWishes,
  connection: Connection,
  context: CommandContext,
): Promise<void> {
  const { out, progress, signal } = context;
  const { services, openSnapshots, deployment } = connection;
  const { store } = services;
  const reader = await openPoint(connection, point);
  const image =
    isImage(point) && paths ? await openImageFiles(reader, paths, { ...context, openSnapshots }) : undefined;
  const preview = { reader, point, degraded, paths, image, file, signal };
  if (destination === undefined || isQuote) {
    await printQuote({ ...preview, destination, store, thaw }, out);
  } else {
    await checkReadable(store, reader.root, deployment.vaultBucket);
    await printDryRun({ ...preview, destination }, overwrite, out);
  }
  if (deleteExtra === true && destination !== undefined)
    await showExtra(await findExtra({ ...preview, destination, connection, progress }), isQuote, context);
}

/** Shows what a place has besides, and starts nothing; for programs all of it, but in a quote, which is one document. */
async function showExtra(extra: Extra, isQuote: boolean, { out, warn }: CommandContext): Promise<void> {
  try {
    if (out.json && !isQuote) await recordExtra(extra, out);
    else await printExtra(extra, out.json ? warn : async (line) => out.line(line));
  } finally {
    await extra.close();
  }
}

/** Prints what a restore would read, write, cost and take. Starts nothing. */
async function printQuote(
  preview: RestorePreview & { readonly store: ObjectStore; readonly thaw: ThawOptions },
  out: Output,
): Promise<void> {
  const { reader, point, store } = preview;
  const wanted = ThawRequest.parse(preview.thaw);
  const { image } = reader.root;
  if (preview.file !== undefined) return printFileQuote(preview, preview.file, out);
  if (image !== undefined && preview.image === undefined) {
    const { volumes, bytes, blocks, dollars } = await measureImage(reader, preview.signal);
    if (out.json) return out.answer(QuotedImage, { pointId: point.pointId, volumes, bytes, blocks, dollars });
    return out.line(
      `${countText(volumes, 'volume')}, ${bytesText(bytes)}, made from snapshots: nothing is read from the vault` +
        (blocks === 0
          ? ''
          : `; where these are gone, at most ${countText(blocks, 'block')} of it, about ${dollarsText(dollars)} (${pricesText})`),
    );
  }
  const thaw = await findThaw(store, reader.root, wanted);
  if (thaw.state !== 'readable') {
    const how = { speed: wanted.speed, ...workersOf(preview), degraded: preview.degraded };
    return printThawQuote(reader.root, thaw, how, out);
  }
  const quote = await quoteOf(preview);
  if (out.json) return out.answer(QuotedFiles, { pointId: point.pointId, ...preview.degraded, ...quote });
  await out.line(`point     ${point.pointId} of ${point.resourceArn}`);
  await out.line(`files     ${quote.files}`);
  await out.line(`bytes     ${bytesText(quote.bytes)} to write, ${bytesText(quote.storedBytes)} to read`);
  await out.line(`requests  ${quote.requests}`);
  await out.line(`cost      about ${dollarsText(quote.dollars)} (${pricesText})`);
  await out.line(`time      about ${durationText(quote.seconds)}`);
}

/** Volumes of an image, and what they cost where their snapshots are gone and all blocks are written out of the vault. */
export async function measureImage(reader: PointReader, signal: AbortSignal) {
  const { snapshots = [] } = reader.root.image ?? {};
  let blocks = 0;
  for await (const volume of listVolumes(reader, signal))
    blocks += (await measureVolume(reader, volume, signal)).blocks;
  const bytes = snapshots.reduce((sum, { sizeGiB }) => sum + sizeGiB * 2 ** 30, 0);
  return { volumes: snapshots.length, bytes, blocks, dollars: blocks * prices.ebsDirect.put };
}

/** Lists what a restore would write. Starts nothing, and does not look at the destination. */
async function printDryRun(
  preview: RestorePreview & { readonly destination: RestoreDestination },
  overwrite: OverwriteRule,
  out: Output,
): Promise<void> {
  const { reader, point, destination, paths, signal } = preview;
  const { image } = reader.root;
  if (preview.file !== undefined) return printFileQuote(preview, preview.file, out);
  if (preview.image === undefined && (image !== undefined || destination.volumes !== undefined))
    return printVolumes(destination.volumes, image?.snapshots ?? [], out);
  const { files, bytes } = await quoteOf(preview);
  const print = async ({
    path,
    kind,
    size,
  }: Pick<SourceEntry, 'path' | 'size'> & { readonly kind: EntryKind }): Promise<void> => {
    const place = placeText(point, destination, pathText(path));
    if (out.json) await out.answer(WrittenEntry, { ...pathFields(path), kind, bytes: size, to: place });
    else await out.line(`${bytesText(size).padStart(10)}  ${place}`);
  };
  if (preview.image !== undefined)
    for await (const { begins } of preview.image.list({}, signal))
      await print({ ...begins, kind: entryKindOf(begins.kind) });
  else
    for (const path of withoutRepetition(paths))
      for await (const listed of listEntries(reader, path, true, signal))
        if (!('directory' in listed)) await print(listed.file.entry);
  if (!out.json) {
    await out.line(
      `would write ${countText(files, 'file')}, ${bytesText(bytes)}; what is there already: overwrite ${overwrite}`,
    );
  }
}

/** Prints what a disk image takes: read from pages, not from the blocks. */
async function printFileQuote(
  { reader, point, signal }: RestorePreview,
  { path, volume: name }: VolumeFile,
  out: Output,
): Promise<void> {
  const volume = await getVolume(reader, name, signal);
  const { blocks, bytes } = await measureVolume(reader, volume, signal);
  const { pointId } = point;
  if (out.json)
    return out.answer(QuotedFile, {
      pointId,
      volume: volume.volume,
      bytes: volume.bytes,
      blocks,
      storedBytes: bytes,
      to: path,
    });
  return out.line(
    `volume ${volume.volume}, ${bytesText(volume.bytes)}, would be ${path}: ${countText(blocks, 'block')} to read ` +
      `(${bytesText(bytes)}), the rest is zeros and takes up nothing`,
  );
}

async function printVolumes(
  wanted: RestoreDestination['volumes'],
  snapshots: NonNullable<PointReader['root']['image']>['snapshots'],
  out: Output,
): Promise<void> {
  for (const { volume, snapshot, sizeGiB, volumeType } of snapshots) {
    const type = wanted?.type ?? volumeType;
    if (out.json)
      await out.answer(ListedVolume, {
        kind: 'volume',
        volume,
        snapshot,
        sizeGiB,
        type,
        to: wanted?.availabilityZone,
      });
    else
      await out.line(
        `${sizeGiB} GiB ${type} volume in ${wanted?.availabilityZone} from ${snapshot}, a copy of ${volume}`,
      );
  }
  if (!out.json) await out.line(`would make ${countText(snapshots.length, 'volume')}`);
}

/** @throws {@link UnknownNameError} a path selects nothing. */
export async function quoteOf(
  preview: Pick<RestorePreview, 'reader' | 'paths' | 'image' | 'destination' | 'signal'>,
): Promise<RestoreQuote> {
  const { reader, paths, image, signal } = preview;
  const options = { limits: defaultShardLimits, ...workersOf(preview) };
  if (image === undefined) return (await planRestore(reader, { ...options, paths, signal })).quote;
  const step = await planSomeEntries(reader, (range) => image.list(range, signal), options);
  if (!step.done) throw new TypeError('a plan that is never stopped is whole');
  return step.plan.quote;
}

export function workersOf({ destination }: Pick<RestorePreview, 'destination'>): {
  readonly workers: number;
  readonly isLocal: boolean;
} {
  const isLocal = destination?.directory !== undefined;
  return { workers: isLocal ? 1 : usualWorkers, isLocal };
}

/** Leaves out paths that lie below another one of them; the whole point when none is given. */
function withoutRepetition(paths: readonly string[] | undefined): readonly string[] {
  if (paths === undefined) return [''];
  const distinct = [...new Set(paths)];
  return distinct.filter(
    (path) => !distinct.some((other) => other !== path && other.endsWith('/') && path.startsWith(other)),
  );
}
