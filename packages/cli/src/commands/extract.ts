import { join } from 'node:path';
import {
  type BackupError,
  isDegraded,
  openContainer,
  openVault,
  PointReader,
  restoreEntries,
  restoreReadable,
  type Root,
  type SourceEntry,
  UnreadCounts,
  unreadOf,
  utf8,
} from '@holdfast/engine';
import { BackupType, ErrorRecord, type OverwriteRule } from '@holdfast/engine/model';
import * as z from 'zod';
import { WholeNumber, documentAnswer } from '../terminal/answer.ts';
import { DirectoryTarget, type DiskImageOutcome, type ImageFormat, systemRandom } from '@holdfast/node';
import { openImageFiles } from '../image-files/open-image-files.ts';
import { checkReadable } from '../names/archived-point.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import { type DegradedFields, degradedText, pointStateCell, unreadText } from '../names/degraded-point.ts';
import { UsageError } from '../terminal/errors.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import {
  type ExtractSource,
  type OfflineKeyOptions,
  openKeyring,
  openExtractSource,
} from '../names/extract-source.ts';
import { findCleanStoredPoint, findStoredPoint, listStoredPoints } from '../names/find-stored-point.ts';
import { exitCodeOfOutcome, printOutcome, RestoredHere } from '../restore/restore-report.ts';
import {
  chooseVolumes,
  diskImageLines,
  diskImageShape,
  exitCodeOfDiskImages,
  formatOption,
  restoreToFile,
  volumeOption,
} from '../restore/restore-disk-images.ts';
import { type SnapshotOfPoint, snapshotLine, writeToSnapshot } from '../restore/write-snapshots.ts';
import { overwriteOption, pathOption, timeOption } from '../terminal/options.ts';
import { pointDigits, ids, resources, right, states, times, wideOnly } from '../terminal/table.ts';
import { bytesText } from '../terminal/text.ts';

const Listed = documentAnswer(
  'with --list',
  z.strictObject({
    points: z.array(
      z.strictObject({
        pointId: z.string(),
        resourceArn: z.string(),
        sourceTime: z.iso.datetime(),
        type: BackupType,
        expiresAt: z.iso.datetime(),
        files: WholeNumber,
        bytes: WholeNumber,
        unread: UnreadCounts.strict(),
      }),
    ),
    damaged: z.array(ErrorRecord.strict()),
  }),
);
const Written = documentAnswer(
  'with --to-snapshots',
  z.strictObject({
    pointId: z.string(),
    region: z.string(),
    snapshots: z.array(
      z.strictObject({
        volume: z.string(),
        device: z.string().optional(),
        snapshot: z.string(),
        sizeGiB: WholeNumber,
        blocks: WholeNumber,
      }),
    ),
  }),
);
const Extracted = documentAnswer(
  'with --to, of an image',
  z.strictObject({
    pointId: z.string(),
    directory: z.string(),
    volumes: z.array(z.strictObject(diskImageShape)),
    record: z.string(),
  }),
);

/** Warnings of a degraded point that are printed before it is restored. */
const warningsShown = 20;

export const extractCommand = defineCommand({
  name: 'extract',
  summary:
    'Restore from a bucket, a copy of it or one container, with the key alone (of KMS without --key-file and --offline-key).',
  answers: { listed: Listed, files: RestoredHere, image: Extracted, snapshots: Written },
  declare: (command) =>
    command
      .argument(
        '<source>',
        's3://<bucket> or a directory copy of a bucket; or a container: its file, or s3://<bucket>/containers/<id>. It is only read',
      )
      .argument('[point|resource]', 'which point; a container has but one')
      .option('--list', 'list the points of the source, the newest first')
      .option('--to <directory>', 'where to restore')
      .option(
        '--to-snapshots <region>',
        'of an image: write its volumes into new snapshots of EBS in this region',
      )
      .option('--snapshot-profile <profile>', 'of --to-snapshots: the profile of another account')
      .option('--snapshot-key <arn>', 'of --to-snapshots: the KMS key that encrypts them')
      .addOption(pathOption)
      .addOption(timeOption)
      .addOption(volumeOption)
      .addOption(formatOption)
      .addOption(overwriteOption)
      .option('--offline-key <file>', "private key of the vault's offline recipient, in PEM")
      .option('--passphrase-env <name>', 'variable with the passphrase of that key'),
  async run(context, options, where, name) {
    const { list, to, toSnapshots, overwrite, path, time, volume, format } = options;
    if (list === true && (name ?? to ?? toSnapshots) !== undefined)
      throw new UsageError('--list takes the source alone');
    if (list !== true && (to === undefined) === (toSnapshots === undefined))
      throw new UsageError(
        'name a directory with --to, or a region with --to-snapshots, or ask what there is with --list',
      );
    checkSnapshotOptions(options);
    // A shell's empty variable would otherwise mean the current directory.
    if (to === '') throw new UsageError('the directory after --to is empty; name it');
    const source = await openExtractSource(where, context);
    try {
      const request = { name, time, list: list === true };
      const found = await findPoints(source, options, request, context);
      const outcome =
        toSnapshots !== undefined
          ? await extractToSnapshots(found, { ...options, region: toSnapshots }, context)
          : to === undefined
            ? await printPoints(found, context)
            : await extract(found, { directory: to, paths: path, overwrite, volume, format }, context);
      return found.damaged.length > 0 ? exitCodes.damaged : outcome;
    } finally {
      if ('close' in source) await source.close();
    }
  },
});

interface SnapshotOptions {
  readonly toSnapshots?: string | undefined;
  readonly snapshotProfile?: string | undefined;
  readonly snapshotKey?: string | undefined;
  readonly path?: readonly string[] | undefined;
  readonly format: ImageFormat;
}

function checkSnapshotOptions(options: SnapshotOptions): void {
  const { toSnapshots, snapshotProfile, snapshotKey, path, format } = options;
  if (toSnapshots === undefined && (snapshotProfile ?? snapshotKey) !== undefined)
    throw new UsageError('--snapshot-profile and --snapshot-key belong to --to-snapshots');
  if (toSnapshots !== undefined && (path !== undefined || format !== 'raw'))
    throw new UsageError('--to-snapshots makes whole volumes; leave --path and --format out');
}

interface Found {
  /** All points of the list, or the one that is extracted. */
  readonly points: readonly Root[];
  /** The clean point to take instead of the first of the points. Absent for a container, which is alone. */
  readonly findClean?: () => Promise<Root | undefined>;
  /** Opens the first of the points. @throws {@link ThawNeededError} it has to be thawed first. */
  readonly open: () => Promise<PointReader>;
  readonly damaged: readonly BackupError[];
  readonly directory?: string | undefined;
}

async function findPoints(
  source: ExtractSource,
  options: OfflineKeyOptions,
  { name, time, list }: { name: string | undefined; time: Date | undefined; list: boolean },
  context: CommandContext,
): Promise<Found> {
  const keyring = await openKeyring(options, context);
  if ('container' in source) {
    if (name !== undefined || time !== undefined)
      throw new UsageError('a container has one point; leave the point and --time out');
    const reader = await openContainer(source.container, keyring, 'the container');
    return { points: [reader.root], open: async () => Promise.resolve(reader), damaged: [] };
  }
  if (name === undefined && !list)
    throw new UsageError('name a point or a resource after the source; --list lists them');
  const { store, bucket, directory } = source;
  const keys = await openVault({ store, keyring });
  const damaged: BackupError[] = [];
  const vault = {
    store,
    keys,
    signal: context.signal,
    onDamage: (error: BackupError): void => {
      damaged.push(error);
      context.warn(`passed over: ${error.message}`);
    },
  };
  const points =
    name === undefined ? await listStoredPoints(vault) : [await findStoredPoint(vault, name, time)];
  const open = async (): Promise<PointReader> => {
    const root = points[0] as Root;
    if (bucket !== undefined) await checkReadable(store, root, bucket);
    return new PointReader(store, keys, root);
  };
  const findClean = async (): Promise<Root | undefined> => findCleanStoredPoint(vault, points[0] as Root);
  return { points, findClean, open, damaged, directory };
}

async function printPoints({ points, damaged }: Found, { out }: CommandContext): Promise<void> {
  if (out.json)
    return out.answer(Listed, {
      points: points.map(({ point, resource, sourceTime, type, expiresAt, counts, ...facts }) => ({
        pointId: point,
        resourceArn: resource,
        sourceTime,
        type,
        expiresAt,
        files: counts.files,
        bytes: counts.logicalBytes,
        unread: unreadOf(facts),
      })),
      damaged: damaged.map(({ name, message }) => ({ name, message })),
    });
  await out.table(
    [
      ids('POINT', pointDigits),
      resources('RESOURCE'),
      times('TAKEN'),
      wideOnly('TYPE'),
      right('FILES'),
      right('SIZE'),
      states('STATE'),
    ],
    points.map(({ point, resource, sourceTime, type, counts, ...facts }) => [
      point,
      resource,
      new Date(sourceTime),
      type,
      String(counts.files),
      bytesText(counts.logicalBytes),
      pointStateCell(facts),
    ]),
  );
}

async function extract(
  found: Found,
  {
    directory,
    paths,
    overwrite,
    volume,
    format,
  }: {
    readonly directory: string;
    readonly paths: readonly string[] | undefined;
    readonly overwrite: OverwriteRule;
    readonly volume: string | undefined;
    readonly format: ImageFormat;
  },
  context: CommandContext,
): Promise<ExitCode> {
  const { out, progress, signal, warn } = context;
  const reader = await found.open();
  const vault = found.directory;
  const { point, image, counts } = reader.root;
  if (image !== undefined && paths === undefined)
    return extractImage(reader, { directory, vault, volume, format, overwrite }, context);
  if (volume !== undefined || format !== 'raw')
    throw new UsageError(
      image === undefined
        ? `point ${point} holds files; --volume and --format are for images`
        : '--volume and --format make disk images; a --path begins with its volume, as in /dev/xvda1/etc/',
    );
  const makeTarget = (): DirectoryTarget =>
    new DirectoryTarget({ root: directory, random: systemRandom, vault });
  if (image !== undefined && paths !== undefined) {
    const files = await openImageFiles(reader, paths, context);
    const options = { target: makeTarget(), overwrite, onProgress: progress.report, signal };
    const outcome = await restoreEntries(files, { ...options, range: {} });
    await printOutcome(outcome, { pointId: point, directory }, out);
    return exitCodeOfOutcome(outcome);
  }
  const degraded = await warnOf(reader.root, found, warn);
  const outcome = await restoreReadable(reader, {
    target: makeTarget(),
    paths,
    overwrite,
    onProgress: (event) => progress.report({ ...event, ...(!paths && { filesTotal: counts.files }) }),
    signal,
  });
  if (!out.json) {
    for (const { entries, message } of outcome.lostPages)
      await out.line(`not restored: files of a lost page of ${entries} entries: ${message}`);
  }
  await printOutcome(outcome, { pointId: point, directory, ...degraded }, out);
  return outcome.lostPages.length > 0 ? exitCodes.damaged : exitCodeOfOutcome(outcome);
}

/** Writes an image's volumes into snapshots of another account or region; nothing is there besides the source and a key. */
async function extractToSnapshots(
  found: Found,
  {
    region,
    snapshotProfile,
    snapshotKey: keyArn,
    volume,
  }: SnapshotOptions & { readonly region: string; readonly volume?: string | undefined },
  context: CommandContext,
): Promise<ExitCode> {
  const { out } = context;
  const reader = await found.open();
  const chosen = await chooseVolumes(reader, volume, 'raw', context);
  const writer = await (await context.connectStorage()).openSnapshotWriter(region, snapshotProfile);
  const snapshots: SnapshotOfPoint[] = [];
  try {
    for (const { volume: one } of chosen) {
      const written = await writeToSnapshot(reader, one, writer, { region, keyArn }, context);
      snapshots.push(written);
      if (!out.json) await out.line(snapshotLine(written));
    }
  } catch (error) {
    // The document that would name them does not come.
    if (out.json) for (const written of snapshots) context.warn(snapshotLine(written));
    throw error;
  }
  if (out.json) await out.answer(Written, { pointId: reader.root.point, region, snapshots });
  else await out.line(`volumes can be made of them once EBS has completed them, which takes some minutes`);
  return exitCodes.ok;
}

/** Name of the record of an image: its volumes with their places and tags, and the machine that they belonged to. */
const imageRecordName = 'image.json';

/** Makes disk images of an image's volumes, and puts its record beside them. Goes on at damage, as for files. */
async function extractImage(
  reader: PointReader,
  options: {
    readonly directory: string;
    readonly vault: string | undefined;
    readonly volume: string | undefined;
    readonly format: ImageFormat;
    readonly overwrite: OverwriteRule;
  },
  context: CommandContext,
): Promise<ExitCode> {
  const { directory, vault, volume, format, overwrite } = options;
  const { out, signal } = context;
  const { point, image, sourceTime } = reader.root;
  const chosen = await chooseVolumes(reader, volume, format, context);
  // Refuses the vault's own directory, and makes any other.
  const target = new DirectoryTarget({ root: directory, random: systemRandom, vault });
  const record = utf8(`${JSON.stringify(image, undefined, 2)}\n`);
  const entry: SourceEntry = {
    path: utf8(imageRecordName),
    kind: 'file',
    size: record.length,
    modifiedMs: new Date(sourceTime).getTime(),
    changeToken: '',
    // It may have what a machine is started with, passwords included.
    attributes: { mode: '0600' },
    userMetadata: {},
    tags: {},
  };
  const recorded = await target.write(entry, toStream(record), overwrite, { signal });
  const outcomes: DiskImageOutcome[] = [];
  for (const { volume: one, file } of chosen) {
    const wishes = { format, overwrite, zeroDamaged: true };
    const outcome = await restoreToFile(reader, one, join(directory, file), wishes, context);
    outcomes.push(outcome);
    if (!out.json) for (const line of diskImageLines(outcome)) await out.line(line);
  }
  const recordPath = join(directory, imageRecordName);
  if (out.json)
    await out.answer(Extracted, { pointId: point, directory, volumes: outcomes, record: recordPath });
  else
    await out.line(
      recorded === 'kept'
        ? `left as it was: ${recordPath}`
        : `the volumes and their machine are described in ${recordPath}`,
    );
  return exitCodeOfDiskImages(outcomes);
}

async function* toStream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes;
}

/** Warns, before anything is written, of what the point could not read, and names the one to take instead. */
async function warnOf(
  root: Root,
  { findClean }: Found,
  warn: CommandContext['warn'],
): Promise<DegradedFields> {
  if (!isDegraded(root)) return {};
  const clean = await findClean?.();
  const instead = clean && { pointId: clean.point, sourceTime: new Date(clean.sourceTime) };
  warn(
    findClean === undefined
      ? `point ${root.point} is degraded: ${unreadText(root)}; the vault may have a clean one`
      : degradedText(root.point, root, instead),
  );
  for (const { message } of root.warningList.slice(0, warningsShown)) warn(message);
  const more = root.warnings - Math.min(root.warningList.length, warningsShown);
  if (more > 0) warn(`… and ${more} more`);
  return { unread: unreadOf(root), cleanPointId: clean?.point };
}
