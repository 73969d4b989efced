import { Option } from '@commander-js/extra-typings';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { checkBucketAllowed, checkZone, InvalidInputError, type PointRow } from '@holdfast/engine';
import {
  findBucketAddress,
  longestDirectoryName,
  type RestoreDestination,
  type RestoreInput,
  VolumeType,
  type VolumeWishes,
} from '@holdfast/engine/model';
import type { ConnectedDeployment, Connection } from '../deployment/connection.ts';
import { shortNameOf } from '../terminal/text.ts';
import { UsageError } from '../terminal/errors.ts';
import { isImage } from '../names/open-point.ts';
import { choiceOption, numberOption } from '../terminal/options.ts';
import { findLaunch, type LaunchValues } from './launch-wishes.ts';

/** The options that name a destination, for people. */
export const destinationOptions =
  '--to-bucket, --to-original, --to-volumes, --instance, --ami, --to-file or --to-directory';

export const deltaFromOption = new Option(
  '--delta-from <snapshot>',
  'a snapshot of a damaged volume as it is now: only what differs from it is written; may be repeated',
).argParser((id: string, before?: readonly string[]) => [...(before ?? []), id]);

export interface DestinationValues extends LaunchValues {
  readonly toBucket?: string | undefined;
  readonly prefix?: string | undefined;
  readonly prefixWithoutSlash?: boolean | undefined;
  readonly toOriginal?: boolean | undefined;
  readonly toVolumes?: string | undefined;
  readonly volumeType?: VolumeWishes['type'];
  readonly iops?: number | undefined;
  readonly throughput?: number | undefined;
  readonly deltaFrom?: VolumeWishes['deltaFrom'];
  readonly toDirectory?: string | undefined;
  readonly toFile?: string | undefined;
}

/**
 * Finds the one destination that the options name, or `undefined` when they name none.
 * @throws {@link UsageError} they name several, or say how to write to one that they do not name.
 */
export function findDestination(values: DestinationValues): RestoreDestination | undefined {
  const { toBucket: bucket, toVolumes: availabilityZone, toDirectory: directory, toFile, prefix } = values;
  const { volumeType: type, iops, throughput, deltaFrom } = values;
  const named: RestoreDestination[] = [];
  if (bucket !== undefined) named.push(bucketOf(bucket, values));
  if (values.toOriginal === true) named.push({ original: true });
  if (availabilityZone !== undefined) {
    named.push({ volumes: { availabilityZone, type, iops, throughput, deltaFrom } });
  }
  if (directory !== undefined) named.push({ directory });
  if (toFile !== undefined) named.push({ directory: toFile });
  named.push(...findLaunch(values));
  if (named.length > 1) throw new UsageError(`name one destination only: ${destinationOptions}`);
  if (prefix !== undefined && bucket === undefined)
    throw new UsageError('--prefix goes with --to-bucket only');
  for (const [option, value] of Object.entries({
    'volume-type': type,
    iops,
    throughput,
    'delta-from': deltaFrom,
  })) {
    if (value !== undefined && availabilityZone === undefined)
      throw new UsageError(`--${option} goes with --to-volumes only`);
  }
  if ([bucket, availabilityZone, directory, toFile].includes(''))
    throw new UsageError('the destination is empty; name it');
  return named[0];
}

function bucketOf(bucket: string, values: DestinationValues): RestoreDestination {
  const { prefix = '', prefixWithoutSlash: confirmed = false } = values;
  const address = findBucketAddress(bucket);
  if (address !== undefined) {
    const folder = address.folder && ` --prefix ${address.folder}`;
    throw new UsageError(
      `--to-bucket "${bucket}" is more than a bucket's name; write --to-bucket ${address.bucket}${folder}`,
    );
  }
  if (prefix !== '' && !prefix.endsWith('/') && !confirmed)
    throw new UsageError(
      `--prefix "${prefix}" has no "/" at its end, so "a.txt" would become "${prefix}a.txt"; write --prefix ` +
        `"${prefix}/", or confirm with --prefix-without-slash`,
    );
  return {
    bucket,
    prefix: prefix === '' ? undefined : prefix,
    prefixWithoutSlash: confirmed ? true : undefined,
  };
}

export const volumeTypeOption = choiceOption('--volume-type <type>', 'their type; else as the volumes were', {
  choices: VolumeType.options,
  noun: 'a type',
});
// The machine checks which values a type of volume takes.
export const iopsOption = numberOption('--iops <n>', 'their IOPS (gp3, io1, io2); else as the volumes were', {
  unit: 'operations a second',
  least: 1,
  most: 9_999_999,
});
export const throughputOption = numberOption(
  '--throughput <n>',
  'their MiB a second (gp3); else as the volumes were',
  { unit: 'MiB a second', least: 1, most: 9_999_999 },
);

/**
 * Checks that a point can go to a destination: files, also those in an image, into buckets and directories; images into
 * volumes and files.
 * @throws {@link InvalidInputError} it cannot.
 */
export function checkDestination(
  point: PointRow,
  destination: RestoreDestination,
  { paths, toFile }: { readonly paths: readonly string[] | undefined; readonly toFile: string | undefined },
): void {
  const { pointId, resourceArn, resourceKind } = point;
  const isMade = isMadeOfImage(destination) || toFile !== undefined;
  if (!isImage(point) && isMade) {
    throw new InvalidInputError(
      `point ${pointId} holds files of ${resourceArn}; restore it with --to-bucket, --to-original or --to-directory`,
    );
  }
  if (isImage(point) && isMade && paths !== undefined) {
    throw new InvalidInputError(
      `point ${pointId} is an image: --path takes files out of it, with --to-directory or --to-bucket; leave it out for ` +
        'volumes, a machine or a disk image',
    );
  }
  if (isImage(point) && !isMade && (paths === undefined || destination.original === true)) {
    throw new InvalidInputError(
      `point ${pointId} is an image of ${resourceArn}; restore it with --to-volumes <availability zone>, its machine with --instance, ` +
        'a volume of it with --to-file <file>, or files in it with --path /etc/ and --to-directory or --to-bucket',
    );
  }
  if (destination.original === true && resourceKind === 'directory') {
    throw new InvalidInputError(
      `point ${pointId} is of a directory, which AWS cannot write to; restore it with --to-directory on its machine`,
    );
  }
}

/** True of what AWS makes of an image, and of nothing else. */
function isMadeOfImage({ volumes, instance, ami }: RestoreDestination): boolean {
  return volumes !== undefined || instance !== undefined || ami !== undefined;
}

/** @throws {@link UsageError} only the restore machine of a deployment could write there. */
export function checkReached(
  { directory }: RestoreDestination,
  { localVault }: Pick<Connection, 'localVault'>,
): void {
  if (localVault !== undefined && directory === undefined)
    throw new UsageError('a vault in a directory is restored into a directory: with --to-directory');
}

/**
 * Checks that the deployment lets restores write to the destinations of points, as its restore machine will; also before a
 * quote and a dry run. Where the deployment does not tell its buckets, only the machine checks them.
 * @throws {@link InvalidInputError} it does not.
 */
export async function checkAllowed(
  parts: readonly { readonly point: PointRow; readonly destination: RestoreDestination }[],
  deployment: ConnectedDeployment,
): Promise<void> {
  for (const { volumes } of parts.map(({ destination }) => destination))
    if (volumes !== undefined) checkZone(volumes.availabilityZone, deployment);
  if (!parts.some(({ destination: { bucket, original } }) => bucket !== undefined || original === true))
    return;
  const buckets = await deployment.findRestoreBuckets();
  if (buckets === undefined) return;
  const allowed = { buckets, ownBuckets: await deployment.listOwnBuckets() };
  for (const { point, destination } of parts) {
    const { bucket, original } = destination;
    if (bucket !== undefined) checkBucketAllowed(bucket, allowed, 'or name an allowed bucket');
    if (original === true)
      checkBucketAllowed(shortNameOf(point.resourceArn), allowed, 'or restore into another bucket');
  }
}

export type RestoreWishes = Pick<RestoreInput, 'paths' | 'overwrite' | 'deleteExtra' | 'thaw' | 'dryRun'>;

/**
 * The input of the restore machine (docs/restore.md).
 * @throws {@link UsageError} the directory has too long a name for the audit log.
 */
export function restoreInput(
  { pointId: point }: PointRow,
  destination: RestoreDestination,
  { paths, overwrite, deleteExtra, thaw, dryRun }: RestoreWishes,
): RestoreInput {
  const { directory } = destination;
  const target = directory === undefined ? destination : { directory: placeOf(directory) };
  return {
    point,
    paths,
    target,
    overwrite,
    deleteExtra,
    dryRun,
    thaw: thaw?.speed === undefined && thaw?.days === undefined ? undefined : thaw,
  };
}

function placeOf(directory: string): string {
  const place = `${hostname()}:${resolve(directory)}`;
  if (place.length <= longestDirectoryName) return place;
  throw new UsageError(
    `the name of the directory is longer than the audit log takes: ${place.length} characters with the host's; ` +
      `restore into one of ${longestDirectoryName} at most`,
  );
}

/** Place where an entry would be written, for people. The path is safe already. */
export function placeText(
  point: PointRow,
  { bucket, prefix = '', directory }: RestoreDestination,
  path: string,
): string {
  if (directory !== undefined) return `${directory.replace(/\/$/, '')}/${path}`;
  return `s3://${bucket ?? shortNameOf(point.resourceArn)}/${prefix}${path}`;
}
