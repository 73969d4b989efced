import {
  LaunchCheck,
  type OverwriteRule,
  type RestoreDestination,
  type ThawOptions,
} from '@holdfast/engine/model';
import * as z from 'zod';
import { documentAnswer } from '../terminal/answer.ts';
import { checkReadable, QuotedThaw, thawDaysOption, thawSpeedOption } from '../names/archived-point.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { type DegradedFields, degradedShape, warnDegraded } from '../names/degraded-point.ts';
import { ExecutionFailedError, UsageError } from '../terminal/errors.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import { openImageFiles } from '../image-files/open-image-files.ts';
import { getNewestWith } from '../names/newest-with.ts';
import { isImage, openPoint } from '../names/open-point.ts';
import { warnSuspect } from '../names/suspect-point.ts';
import { parsePointPath } from '../names/point-path.ts';
import {
  WrittenEntry,
  ListedVolume,
  printDryRun,
  printQuote,
  QuotedFile,
  QuotedFiles,
  QuotedImage,
} from '../restore/preview-restore.ts';
import { resolvePointOrResource } from '../names/resolve-point.ts';
import {
  checkDeleteExtra,
  ListedExtra,
  checkReplaces,
  confirmExtra,
  deleteShown,
  exitCodeOfRemoved,
  isAllBack,
  notWholeText,
  printExtra,
  recordExtra,
} from '../restore/delete-extra.ts';
import { type Extra, ExtraFields, type ExtraOutcome, findExtra } from '../restore/extra.ts';
import type { AllWishes } from '../restore/plan-all.ts';
import { RestoredAll, restoreAll } from '../restore/restore-all.ts';
import { type LocalRequest, restoreHere } from '../restore/restore-here.ts';
import { recordRestore, startRestore, waitForRestore } from '../restore/restore-machine.ts';
import {
  exitCodeOfOutcome,
  printOutcome,
  exitCodeOfReport,
  printReport,
  findReport,
  ReportFields,
  RestoredHere,
} from '../restore/restore-report.ts';
import {
  checkAllowed,
  checkDestination,
  deltaFromOption,
  destinationOptions,
  type DestinationValues,
  findDestination,
  iopsOption,
  restoreInput,
  throughputOption,
  volumeTypeOption,
} from '../restore/restore-request.ts';
import { findCheck, printCheck, securityGroupOption } from '../restore/launch-wishes.ts';
import {
  chooseVolume,
  diskImageShape,
  diskImageLines,
  type DiskImageWishes,
  exitCodeOfDiskImages,
  formatOption,
  restoreToFile,
  volumeOption,
} from '../restore/restore-disk-images.ts';
import { overwriteOption, pathOption, timeOption, workersOption, yesOption } from '../terminal/options.ts';

const startedShape = {
  pointId: z.string(),
  resourceArn: z.string(),
  execution: z.string(),
  ...degradedShape,
};
const Started = documentAnswer('into anything in AWS, without --wait', z.strictObject(startedShape));
const Ended = documentAnswer(
  'into anything in AWS, with --wait',
  z.strictObject({ ...startedShape, report: ReportFields, extra: ExtraFields.optional() }),
);
const Checked = documentAnswer(
  'with --dry-run, of an instance or an AMI',
  z.strictObject({ pointId: z.string(), execution: z.string(), check: LaunchCheck.strict() }),
);
const RestoredFile = documentAnswer(
  'with --to-file',
  z.strictObject({ pointId: z.string(), execution: z.string(), ...degradedShape, ...diskImageShape }),
);

export const restoreCommand = defineCommand({
  name: 'restore',
  summary:
    'Bring a recovery point back, or some of its paths; of a resource, its newest point or the one of a time.',
  answers: {
    started: Started,
    ended: Ended,
    directory: RestoredHere,
    file: RestoredFile,
    all: RestoredAll,
    quote: QuotedFiles,
    'quote-thaw': QuotedThaw,
    'quote-image': QuotedImage,
    'quote-file': QuotedFile,
    entry: WrittenEntry,
    volume: ListedVolume,
    extra: ListedExtra,
    checked: Checked,
  },
  declare: (command) =>
    command
      .argument('[point|resource]')
      .option('--all', 'every resource, each its own point: with one quote and one progress')
      .option('--plan <name>', 'of --all: only those of this plan')
      .option('--clean', 'the newest clean point, as @latest-clean')
      .addOption(timeOption)
      .addOption(pathOption)
      .option('--newest-with', 'of a resource: the newest point that has every --path')
      .option('--to-bucket <name>', "into a bucket that the deployment's restoreTargets name")
      .option('--prefix <folder/>', 'put before every key')
      .option('--prefix-without-slash', 'the prefix is the beginning of names, not a folder')
      .option('--to-original', "where it came from; the deployment's restoreTargets have to name that bucket")
      .option('--to-volumes <zone>', 'new EBS volumes in that availability zone')
      .addOption(volumeTypeOption)
      .addOption(iopsOption)
      .addOption(throughputOption)
      .option('--instance', 'the machine of an image, launched again as it was but for the following')
      .option('--subnet <id>', 'of the instance, in place of its own')
      .addOption(securityGroupOption)
      .option('--type <type>', 'of the instance, in place of its own')
      .option('--key <name>', 'key pair of the instance, in place of its own')
      .option('--no-key', 'no key pair')
      .option('--profile <name>', 'instance profile, in place of its own')
      .option('--no-profile', 'no instance profile')
      .option('--no-user-data', 'without its user data')
      .option('--keep-address', 'with the private addresses that it had')
      .option('--no-network', 'no network: with a --security-group that has no rule')
      .option('--stopped', 'stopped as soon as it runs')
      .option('--ami <name>', 'an AMI of the machine of an image, and no instance')
      .addOption(deltaFromOption)
      .option(
        '--to-directory <directory>',
        'into a directory here, by this process; the restore machine puts it on the audit log',
      )
      .option('--to-file <file>', 'a volume of an image as a disk image here, by this process')
      .addOption(volumeOption)
      .addOption(formatOption)
      .option('--zero-damaged', 'of a disk image: go on at damage, with zeros for what cannot be read')
      .addOption(overwriteOption)
      .option(
        '--delete-extra',
        'delete what the directory or bucket has and the point has not, after showing it',
      )
      .addOption(workersOption)
      .addOption(thawSpeedOption)
      .addOption(thawDaysOption)
      .option('--quote', 'print files, bytes, requests, dollars and seconds, and restore nothing')
      .option('--dry-run', 'list what would be written, and restore nothing')
      .addOption(yesOption)
      .option('--wait', 'wait for the end and show the report; --to-directory and --to-file always do'),
  async run(context, values, word) {
    const { thawSpeed: speed, thawDays: days } = values;
    const thaw = { ...(speed !== undefined && { speed }), ...(days !== undefined && { days }) };
    if (values.quote === true && values.dryRun === true)
      throw new UsageError('ask for --quote or for --dry-run, not for both');
    if (values.all === true)
      return restoreAll(allWishes(values, thaw, word), await context.connect(), context);
    if (word === undefined) throw new UsageError('name a point or a resource, or --all');
    if (values.plan !== undefined) throw new UsageError('--plan goes with --all only');
    if (values.clean === true)
      throw new UsageError('--clean goes with --all only; write the resource with "@latest-clean" behind it');
    const { name, path } = parsePointPath(word);
    const asked = path === undefined ? values.path : [path, ...(values.path ?? [])];
    const { overwrite, time, workers } = values;
    const destination = findDestination(values);
    if (destination === undefined && values.quote !== true) {
      throw new UsageError(`name a destination: ${destinationOptions}`);
    }
    checkFileOptions(values);
    const connection = await context.connect();
    if (
      connection.localVault !== undefined &&
      destination !== undefined &&
      destination.directory === undefined
    )
      throw new UsageError('a vault in a directory is restored into a directory: with --to-directory');
    const now = context.clock.now();
    const point =
      values.newestWith === true
        ? await getNewestWith(connection, name, asked, { now, time, signal: context.signal })
        : await resolvePointOrResource(connection.services.catalog, name, now, time);
    const { deleteExtra: isExact } = values;
    const request: LocalRequest = { point, paths: asked, overwrite, deleteExtra: isExact, thaw, workers };
    if (destination !== undefined) {
      checkDestination(point, destination, { paths: request.paths, toFile: values.toFile });
      const buckets = await connection.deployment.findRestoreBuckets();
      checkAllowed(point, destination, { ...connection.deployment, buckets });
    }
    if (isExact === true && destination !== undefined) checkDeleteExtra(point, destination, values);
    const degraded = await warnDegraded(point, connection, context);
    await warnSuspect(point, connection, context);
    if (values.dryRun === true && destination !== undefined && asksEc2(destination))
      return checkThere(request, destination, connection, context);
    if (values.quote === true || values.dryRun === true) {
      const reader = await openPoint(connection, point);
      const { openSnapshots, services } = connection;
      const { store } = services;
      const { paths } = request;
      const preview = {
        reader,
        point,
        degraded,
        paths,
        image:
          isImage(point) && paths
            ? await openImageFiles(reader, paths, { ...context, openSnapshots })
            : undefined,
        file: fileWish(values),
        signal: context.signal,
      };
      if (destination === undefined || values.quote === true) {
        await printQuote({ ...preview, destination, store, thaw }, context.out);
      } else {
        await checkReadable(store, reader.root, connection.deployment.vaultBucket);
        await printDryRun({ ...preview, destination }, overwrite, context.out);
      }
      if (isExact === true && destination !== undefined)
        await showExtra(
          await findExtra({ ...preview, destination, connection, progress: context.progress }),
          values.quote === true,
          context,
        );
      return exitCodes.ok;
    }
    if (destination === undefined) throw new TypeError('the destination was checked above');
    if (values.toFile !== undefined) {
      const { format, zeroDamaged = false } = values;
      const wishes = { format, overwrite, zeroDamaged, volume: values.volume, file: values.toFile };
      return restoreVolumeHere(request, wishes, degraded, connection, context);
    }
    if (isExact === true)
      return restoreExactly(
        request,
        destination,
        { degraded, isConfirmed: values.yes === true },
        connection,
        context,
      );
    if (destination.directory !== undefined) {
      const { directory } = destination;
      const { outcome, execution } = await restoreHere(request, directory, connection, context);
      await printOutcome(outcome, { pointId: point.pointId, directory, execution, ...degraded }, context.out);
      return exitCodeOfOutcome(outcome);
    }
    return restoreThere(request, destination, { wait: values.wait === true, degraded }, connection, context);
  },
});

interface AllValues extends DestinationValues {
  readonly plan?: string | undefined;
  readonly time?: Date | undefined;
  readonly clean?: boolean | undefined;
  readonly overwrite: OverwriteRule;
  readonly workers: number;
  readonly quote?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly yes?: boolean | undefined;
  readonly path?: readonly string[] | undefined;
  readonly newestWith?: boolean | undefined;
  readonly deleteExtra?: boolean | undefined;
}

/** @throws {@link UsageError} what is said goes with one point only. */
function allWishes(values: AllValues & FileValues, thaw: ThawOptions, word: string | undefined): AllWishes {
  if (word !== undefined) throw new UsageError(`name "${word}" or --all, not both`);
  checkFileOptions(values);
  for (const [option, value] of Object.entries({
    path: values.path,
    'newest-with': values.newestWith,
    'to-file': values.toFile,
    'delta-from': values.deltaFrom,
    ami: values.ami,
  }))
    if (value !== undefined) throw new UsageError(`--${option} is for one point, and does not go with --all`);
  const { plan, time, clean, overwrite, workers, quote = false, dryRun = false, yes = false } = values;
  const { deleteExtra: isExact = false } = values;
  if (isExact) checkReplaces(overwrite);
  return {
    plan,
    choice: { time, isClean: clean },
    destinations: values,
    overwrite,
    isExact,
    thaw,
    workers,
    isPreview: quote || dryRun,
    isQuoteOnly: quote,
    isConfirmed: yes,
  };
}

interface FileValues {
  readonly toFile?: string | undefined;
  readonly volume?: string | undefined;
  readonly format: string;
  readonly zeroDamaged?: boolean | undefined;
}

function checkFileOptions({ toFile, volume, format, zeroDamaged }: FileValues): void {
  if (toFile !== undefined) return;
  for (const [option, isGiven] of Object.entries({
    volume: volume !== undefined,
    format: format !== 'raw',
    'zero-damaged': zeroDamaged === true,
  }))
    if (isGiven) throw new UsageError(`--${option} goes with --to-file only`);
}

function fileWish({ toFile, volume }: FileValues) {
  return toFile === undefined ? undefined : { path: toFile, volume };
}

/** Restores a volume from this process into a file, once the audit log has it. */
async function restoreVolumeHere(
  { point, thaw }: LocalRequest,
  {
    volume: name,
    file,
    ...wishes
  }: DiskImageWishes & { readonly volume: string | undefined; readonly file: string },
  degraded: DegradedFields,
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { out } = context;
  // Named wrongly, it should not be on the log.
  const volume = await chooseVolume(await openPoint(connection, point), name, context);
  const execution = await recordRestore(
    { point, directory: file, paths: undefined, thaw },
    connection,
    context,
  );
  const reader = await openPoint(connection, point);
  const outcome = await restoreToFile(reader, volume, file, wishes, context);
  if (out.json)
    await out.answer(RestoredFile, { pointId: point.pointId, execution, ...degraded, ...outcome });
  else for (const line of diskImageLines(outcome)) await out.line(line);
  return exitCodeOfDiskImages([outcome]);
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

/** Restores, and only when all of it is there, deletes from the place what the point does not have. */
async function restoreExactly(
  request: LocalRequest,
  destination: RestoreDestination,
  { degraded, isConfirmed }: { readonly degraded: DegradedFields; readonly isConfirmed: boolean },
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { point } = request;
  const { out, warn, progress, signal } = context;
  const reader = await openPoint(connection, point);
  await checkReadable(connection.services.store, reader.root, connection.deployment.vaultBucket);
  const extra = await findExtra({ ...request, reader, destination, connection, progress, signal });
  try {
    if (!(await confirmExtra(extra, isConfirmed, context))) {
      warn('nothing was restored, and nothing deleted');
      return exitCodes.failed;
    }
    const { directory } = destination;
    const restored =
      directory === undefined
        ? await restoreWholeThere(request, destination, degraded, connection, context)
        : await restoreWholeHere(request, directory, degraded, connection, context);
    if (!restored.isWhole) {
      if (out.json) await restored.answer();
      warn(notWholeText);
      return restored.exitCode === exitCodes.ok ? exitCodes.failed : restored.exitCode;
    }
    const removed = await deleteShown(extra, context);
    if (out.json) await restored.answer(removed);
    return exitCodeOfRemoved(removed);
  } finally {
    await extra.close();
  }
}

/** A restore to its end, before anything is deleted. */
interface Restored {
  /** Prints it for programs, with what was deleted after it. */
  readonly answer: (extra?: ExtraOutcome) => Promise<void>;
  readonly exitCode: ExitCode;
  readonly isWhole: boolean;
}

async function restoreWholeHere(
  request: LocalRequest,
  directory: string,
  degraded: DegradedFields,
  connection: Connection,
  context: CommandContext,
): Promise<Restored> {
  const { out } = context;
  const { outcome, execution } = await restoreHere(request, directory, connection, context);
  const where = { pointId: request.point.pointId, directory, execution, ...degraded };
  if (!out.json) await printOutcome(outcome, where, out);
  const exitCode = exitCodeOfOutcome(outcome);
  return {
    answer: async (extra) => out.answer(RestoredHere, { ...where, ...outcome, extra }),
    exitCode,
    isWhole: exitCode === exitCodes.ok && outcome.kept === 0,
  };
}

async function restoreWholeThere(
  request: LocalRequest,
  destination: RestoreDestination,
  degraded: DegradedFields,
  connection: Connection,
  context: CommandContext,
): Promise<Restored> {
  const started = await startThere(request, destination, degraded, connection);
  context.progress.note(
    `the restore of point ${request.point.pointId} has started: ${started.execution}; if this is interrupted, ` +
      `"holdfast restores ${started.execution} --delete-extra" goes on`,
  );
  const { report, fields } = await followThere(request, started, connection, context);
  return {
    answer: async (extra) => context.out.answer(Ended, { ...fields, extra }),
    exitCode: exitCodeOfReport(report),
    isWhole: isAllBack(report),
  };
}

/** True of a destination of which EC2 knows whether it can be. */
function asksEc2({ instance, ami }: RestoreDestination): boolean {
  return instance !== undefined || ami !== undefined;
}

/** Has the deployment's restore machine ask EC2 about a launch. */
async function checkThere(
  { point, overwrite, thaw }: LocalRequest,
  destination: RestoreDestination,
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { out } = context;
  const input = restoreInput(point, destination, { paths: undefined, overwrite, thaw, dryRun: true });
  const execution = await startRestore(connection, input);
  const state = await waitForRestore(execution, { point, doing: 'asking EC2' }, connection, context);
  const check = findCheck(state.output);
  if (check === undefined)
    throw new ExecutionFailedError(
      `execution ${execution} has ended without a check that this program can read; look at its output`,
    );
  if (!out.json) return printCheck(check, out);
  await out.answer(Checked, { pointId: point.pointId, execution, check });
  return check.problems.length === 0 ? exitCodes.ok : exitCodes.failed;
}

interface StartedThere {
  readonly execution: string;
  readonly fields: {
    readonly pointId: string;
    readonly resourceArn: string;
    readonly execution: string;
  } & DegradedFields;
}

async function startThere(
  { point, paths, overwrite, deleteExtra, thaw }: LocalRequest,
  destination: RestoreDestination,
  degraded: DegradedFields,
  connection: Connection,
): Promise<StartedThere> {
  const input = restoreInput(point, destination, { paths, overwrite, deleteExtra, thaw });
  const execution = await startRestore(connection, input);
  const { pointId, resourceArn } = point;
  return { execution, fields: { pointId, resourceArn, execution, ...degraded } };
}

/** Waits for a restore, and prints its report for people. */
async function followThere(
  { point, thaw }: LocalRequest,
  { execution, fields }: StartedThere,
  connection: Connection,
  context: CommandContext,
) {
  const { out } = context;
  const state = await waitForRestore(execution, { point, thaw, doing: 'restoring' }, connection, context);
  const report = findReport(state.output);
  if (report === undefined)
    throw new ExecutionFailedError(
      `execution ${execution} has ended with a report that this program cannot read, so what it restored is not known; ` +
        'look at its output, or use the program of the version that is deployed',
    );
  if (!out.json) {
    await printReport(report, execution, out);
    await out.line(
      `the restore of point ${point.pointId} of ${point.resourceArn} is ${report.state ?? state.status}`,
    );
  }
  return { report, fields: { ...fields, report } };
}

async function restoreThere(
  request: LocalRequest,
  destination: RestoreDestination,
  { wait, degraded }: { readonly wait: boolean; readonly degraded: DegradedFields },
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { out, progress } = context;
  const { pointId, resourceArn } = request.point;
  const started = await startThere(request, destination, degraded, connection);
  const { execution } = started;
  if (!wait) {
    if (out.json) {
      await out.answer(Started, started.fields);
    } else {
      await out.line(`the restore of point ${pointId} of ${resourceArn} has started`);
      await out.line(`execution ${execution}`);
    }
    return exitCodes.ok;
  }
  progress.note(`the restore of point ${pointId} has started: ${execution}`);
  const { report, fields } = await followThere(request, started, connection, context);
  if (out.json) await out.answer(Ended, fields);
  return exitCodeOfReport(report);
}
