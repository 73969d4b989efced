import { QuotedThaw, thawDaysOption, thawSpeedOption } from '../names/archived-point.ts';
import { warnDegraded } from '../names/degraded-point.ts';
import { getNewestWith } from '../names/newest-with.ts';
import { parsePointPath } from '../names/point-path.ts';
import { resolvePointOrResource } from '../names/resolve-point.ts';
import { warnSuspect } from '../names/suspect-point.ts';
import { allWishes } from '../restore/all-wishes.ts';
import { asksEc2, askLaunch, CheckedLaunch } from '../restore/ask-launch.ts';
import { checkDeleteExtra, ListedExtra } from '../restore/delete-extra.ts';
import { securityGroupOption } from '../restore/launch-wishes.ts';
import {
  ListedVolume,
  previewRestore,
  QuotedFile,
  QuotedFiles,
  QuotedImage,
  WrittenEntry,
} from '../restore/preview-restore.ts';
import { RestoredAll } from '../restore/print-all.ts';
import { restoreAll } from '../restore/restore-all.ts';
import { formatOption, volumeOption } from '../restore/restore-disk-images.ts';
import { restoreExactly } from '../restore/restore-exactly.ts';
import { type LocalRequest, restoreHere } from '../restore/restore-here.ts';
import { exitCodeOfOutcome, printOutcome, RestoredHere } from '../restore/restore-report.ts';
import {
  checkAllowed,
  checkDestination,
  checkReached,
  deltaFromOption,
  destinationOptions,
  findDestination,
  iopsOption,
  throughputOption,
  volumeTypeOption,
} from '../restore/restore-request.ts';
import { EndedThere, restoreThere, StartedThere } from '../restore/restore-there.ts';
import { VolumeInFile, restoreVolumeHere } from '../restore/restore-volume-here.ts';
import { defineCommand } from '../terminal/command.ts';
import { UsageError } from '../terminal/errors.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { overwriteOption, pathOption, timeOption, workersOption, yesOption } from '../terminal/options.ts';

export const restoreCommand = defineCommand({
  name: 'restore',
  summary:
    'Bring a recovery point back, or some of its paths; of a resource, its newest point or the one of a time.',
  answers: {
    started: StartedThere,
    ended: EndedThere,
    directory: RestoredHere,
    file: VolumeInFile,
    all: RestoredAll,
    quote: QuotedFiles,
    'quote-thaw': QuotedThaw,
    'quote-image': QuotedImage,
    'quote-file': QuotedFile,
    entry: WrittenEntry,
    volume: ListedVolume,
    extra: ListedExtra,
    checked: CheckedLaunch,
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
    const { thawSpeed, thawDays, overwrite, time, workers, quote: isQuote = false, toFile, format } = values;
    const { deleteExtra } = values;
    const thaw = { speed: thawSpeed, days: thawDays };
    if (isQuote && values.dryRun === true)
      throw new UsageError('ask for --quote or for --dry-run, not for both');
    if (toFile === undefined) checkAsksNoFile(values);
    if (values.all === true)
      return restoreAll(allWishes(values, thaw, word), await context.connect(), context);
    if (word === undefined) throw new UsageError('name a point or a resource, or --all');
    if (values.plan !== undefined) throw new UsageError('--plan goes with --all only');
    if (values.clean === true)
      throw new UsageError('--clean goes with --all only; write the resource with "@latest-clean" behind it');
    const { name, path } = parsePointPath(word);
    const paths = path === undefined ? values.path : [path, ...(values.path ?? [])];
    const destination = findDestination(values);
    if (destination === undefined && !isQuote)
      throw new UsageError(`name a destination: ${destinationOptions}`);
    const connection = await context.connect();
    if (destination !== undefined) checkReached(destination, connection);
    const now = context.clock.now();
    const point =
      values.newestWith === true
        ? await getNewestWith(connection, name, paths, { now, time, signal: context.signal })
        : await resolvePointOrResource(connection.services.catalog, name, now, time);
    const request: LocalRequest = { point, paths, overwrite, deleteExtra, thaw, workers };
    if (destination !== undefined) {
      checkDestination(point, destination, { paths, toFile });
      await checkAllowed([{ point, destination }], connection.deployment);
      if (deleteExtra === true) checkDeleteExtra(point, destination, values);
    }
    const degraded = await warnDegraded(point, connection, context);
    await warnSuspect(point, connection, context);
    const file = toFile === undefined ? undefined : { path: toFile, volume: values.volume };
    if (destination === undefined || isQuote || (values.dryRun === true && !asksEc2(destination))) {
      await previewRestore(request, { destination, file, degraded, isQuote }, connection, context);
      return exitCodes.ok;
    }
    if (values.dryRun === true) return askLaunch(request, destination, connection, context);
    if (file !== undefined) {
      const wishes = { ...file, format, overwrite, zeroDamaged: values.zeroDamaged === true };
      return restoreVolumeHere(request, wishes, degraded, connection, context);
    }
    if (deleteExtra === true) {
      const wishes = { degraded, isConfirmed: values.yes === true };
      return restoreExactly(request, destination, wishes, connection, context);
    }
    const { directory } = destination;
    if (directory !== undefined) {
      const { outcome, execution } = await restoreHere(request, directory, connection, context);
      await printOutcome(outcome, { pointId: point.pointId, directory, execution, ...degraded }, context.out);
      return exitCodeOfOutcome(outcome);
    }
    return restoreThere(request, destination, { wait: values.wait === true, degraded }, connection, context);
  },
});

/** @throws {@link UsageError} something is said of a disk image that nobody asked for. */
function checkAsksNoFile({
  volume,
  format,
  zeroDamaged,
}: {
  readonly volume?: string | undefined;
  readonly format: string;
  readonly zeroDamaged?: boolean | undefined;
}): void {
  for (const [option, isGiven] of Object.entries({
    volume: volume !== undefined,
    format: format !== 'raw',
    'zero-damaged': zeroDamaged === true,
  }))
    if (isGiven) throw new UsageError(`--${option} goes with --to-file only`);
}
