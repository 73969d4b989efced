import { createHash } from 'node:crypto';
import {
  type Catalog,
  findKeptPoint,
  mapConcurrent,
  type PointChoice,
  type PointRow,
  type ResourceArn,
  UnknownNameError,
} from '@holdfast/engine';
import type { Plans, RestoreDestination } from '@holdfast/engine/model';
import { UsageError } from '../terminal/errors.ts';
import { readHistories } from '../names/read-coverage.ts';
import { findSuspect, type SuspectPoint } from '../names/suspect-point.ts';
import { countText, shortNameOf } from '../terminal/text.ts';
import { type DestinationValues, findDestination } from './restore-request.ts';

/** Resources whose points are listed at once. */
const lookupsAtOnce = 16;

/** A resource that is restored, from which point, and to where. */
export interface ChosenPart {
  readonly point: PointRow;
  /** Absent where only a quote is asked for. */
  readonly destination: RestoreDestination | undefined;
}

export interface ChosenResources {
  readonly points: readonly PointRow[];
  /** Those of the points that are suspect. */
  readonly suspects: readonly SuspectPoint[];
  /** Resources that have no such point. */
  readonly without: readonly ResourceArn[];
}

/**
 * Chooses a point of every resource of a plan, or of all. Of a plan is what its tag says, and also what has a chosen point
 * that was made under it: whoever encrypts data can also take tags off, and change them.
 * @throws {@link UnknownNameError} nothing is of that plan.
 */
export async function chooseResources(
  catalog: Catalog,
  {
    plan,
    plans,
    ...choice
  }: PointChoice & { readonly plan?: string | undefined; readonly plans?: Plans | undefined },
  now: Date,
): Promise<ChosenResources> {
  const rows = await Array.fromAsync(catalog.resources.list());
  const tagged = new Map(rows.map((row) => [row.arn, row]));
  const isTagged = (arn: ResourceArn): boolean => plan === undefined || tagged.get(arn)?.plan === plan;
  const histories = await readHistories(catalog);
  const vanished = [...histories.values()].flatMap(({ newest: { resourceArn, resourceKind } }) =>
    tagged.has(resourceArn) || resourceKind === 'directory' ? [] : [resourceArn],
  );
  const arns = [...rows.filter(({ partOf }) => partOf === undefined).map(({ arn }) => arn), ...vanished]
    .filter((arn) => isTagged(arn) || (plan !== undefined && histories.get(arn)?.plans.has(plan) === true))
    .toSorted();
  const looks = mapConcurrent(arns, lookupsAtOnce, async (arn) => {
    const point = await findKeptPoint(catalog, arn, choice, now);
    const isOther = !isTagged(arn) && point !== undefined && point.plan !== plan;
    return { arn, isOther, point, suspect: point && (await findSuspect(catalog, arn, now, point)) };
  });
  const chosen = (await Array.fromAsync(looks)).filter(({ isOther }) => !isOther);
  if (chosen.length === 0) {
    const names = (plans ?? []).map(({ name }) => name).join(', ');
    throw new UnknownNameError(
      plan === undefined
        ? 'the catalog has no resource to restore'
        : `no resource is backed up under plan "${plan}"${names === '' ? '' : `; the plans are ${names}`}`,
    );
  }
  const points: PointRow[] = [];
  const suspects: SuspectPoint[] = [];
  const without: ResourceArn[] = [];
  for (const { arn, point, suspect } of chosen) {
    if (point === undefined) without.push(arn);
    else points.push(point);
    if (suspect !== undefined) suspects.push(suspect);
  }
  return { points, suspects, without };
}

const named = 5;

/**
 * Gives each point the destination that fits what it is of: files into a folder, bucket or their own place, instances
 * launched or as volumes, volumes as volumes.
 * @throws {@link UsageError} the options name none for some of them.
 */
export function placeParts(
  points: readonly PointRow[],
  values: DestinationValues,
  isQuoteOnly: boolean,
): readonly ChosenPart[] {
  const wanted = destinationsOf(values);
  const folders = foldersOf(points);
  const unplaced: string[] = [];
  const parts = points.map((point): ChosenPart => {
    const destination = destinationFor(point, wanted, folders.get(point.resourceArn) ?? '');
    if (destination === undefined) unplaced.push(`${point.resourceArn} (${remedyOf(point)})`);
    return { point, destination };
  });
  const isNone = wanted.files === undefined && wanted.volumes === undefined && wanted.instance === undefined;
  if (unplaced.length === 0 || (isQuoteOnly && isNone)) return parts;
  const more = unplaced.length > named ? `, and ${unplaced.length - named} more` : '';
  throw new UsageError(
    `${countText(unplaced.length, 'resource')} would have no destination: ${unplaced.slice(0, named).join(', ')}${more}; ` +
      'a destination for files and others for images can be named together',
  );
}

interface Destinations {
  readonly files: RestoreDestination | undefined;
  readonly volumes: RestoreDestination | undefined;
  readonly instance: RestoreDestination | undefined;
}

/** Options of each kind of destination are read by themselves: here several go together. */
function destinationsOf(values: DestinationValues): Destinations {
  const { toVolumes, volumeType, iops, throughput } = values;
  const { toBucket, prefix, prefixWithoutSlash, toOriginal, toDirectory } = values;
  const nothing: DestinationValues = { userData: true, network: true };
  return {
    files: findDestination({ ...nothing, toBucket, prefix, prefixWithoutSlash, toOriginal, toDirectory }),
    volumes: findDestination({ ...nothing, toVolumes, volumeType, iops, throughput }),
    instance: findDestination({
      ...values,
      toVolumes: undefined,
      volumeType: undefined,
      iops: undefined,
      throughput: undefined,
      toBucket: undefined,
      prefix: undefined,
      prefixWithoutSlash: undefined,
      toOriginal: undefined,
      toDirectory: undefined,
    }),
  };
}

function destinationFor(
  { resourceKind }: PointRow,
  { files, volumes, instance }: Destinations,
  folder: string,
): RestoreDestination | undefined {
  if (resourceKind === 'ebs-volume') return volumes;
  if (resourceKind === 'ec2-instance') return instance ?? volumes;
  if (files?.original === true) return resourceKind === 'directory' ? undefined : files;
  // Each has a folder of its own, or their files would meet.
  if (files?.directory !== undefined) return { directory: `${files.directory.replace(/\/$/, '')}/${folder}` };
  if (files?.bucket !== undefined) return { ...files, prefix: `${files.prefix ?? ''}${folder}/` };
  return undefined;
}

function remedyOf({ resourceKind }: PointRow): string {
  if (resourceKind === 'ebs-volume') return '--to-volumes <zone>';
  if (resourceKind === 'ec2-instance') return '--instance or --to-volumes <zone>';
  if (resourceKind === 'directory') return '--to-directory or --to-bucket';
  return '--to-original, --to-bucket or --to-directory';
}

/** A name for the folder of each: its short name, and more where several have that. */
function foldersOf(points: readonly PointRow[]): ReadonlyMap<ResourceArn, string> {
  const counts = new Map<string, number>();
  for (const { resourceArn } of points) {
    const name = shortNameOf(resourceArn);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const folderOf = (arn: ResourceArn): string => {
    const name = shortNameOf(arn);
    return counts.get(name) === 1
      ? name
      : `${name}-${createHash('sha256').update(arn).digest('hex').slice(0, 8)}`;
  };
  return new Map(points.map(({ resourceArn }) => [resourceArn, folderOf(resourceArn)]));
}
