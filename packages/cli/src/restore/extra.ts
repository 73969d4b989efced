import {
  commonPrefixes,
  distinctPrefixes,
  findExtraObjects,
  hideExtraObjects,
  InvalidInputError,
  listEntries,
  type PlacedObject,
  type PointReader,
  type PointRow,
  type TargetBucket,
} from '@holdfast/engine';
import type { RestoreDestination } from '@holdfast/engine/model';
import { findExtraEntries, removeExtraEntries } from '@holdfast/node';
import * as z from 'zod';
import { WholeNumber } from '../terminal/answer.ts';
import type { Connection } from '../deployment/connection.ts';
import { placeText } from './restore-request.ts';
import type { CommandContext } from '../terminal/command.ts';
import { pathText, shortNameOf } from '../terminal/text.ts';
import { ShownObjects } from './shown-objects.ts';

/** Names that a person reads before deciding. */
export const namesShown = 20;

/** Something that a place has and the point has not. */
interface ExtraName {
  readonly path: Uint8Array;
  readonly bytes: number;
}

/** Everything that a place has and the point has not, within the paths that are restored, as it was when it was shown. */
export interface Extra {
  /** Where it lies, for people. */
  readonly place: string;
  /** Its unit, for people: `entry` of a directory, `object` of a bucket. */
  readonly unit: 'entry' | 'object';
  readonly count: number;
  readonly bytes: number;
  /** The first names. */
  readonly first: readonly string[];
  list(): AsyncIterable<ExtraName>;
  /** Deletes what is as it was; says afterwards what is there still. To be called when everything is restored. */
  remove(onRemoved: (count: number) => void): Promise<ExtraOutcome>;
  close(): Promise<void>;
}

/** An {@link ExtraOutcome} for programs. */
export const ExtraFields = z.strictObject({
  removed: WholeNumber,
  bytes: WholeNumber,
  leftCount: WholeNumber,
  left: z.array(z.strictObject({ path: z.string(), reason: z.string() })),
});

/** The end of an {@link Extra}: how much of it is deleted, and what stays. */
export interface ExtraOutcome {
  readonly removed: number;
  readonly bytes: number;
  /** Extra that stays. */
  readonly leftCount: number;
  /** The first of it. */
  readonly left: readonly { readonly path: string; readonly reason: string }[];
}

interface ExtraSearch {
  readonly point: PointRow;
  readonly reader: PointReader;
  readonly destination: RestoreDestination;
  readonly paths?: readonly string[] | undefined;
  readonly connection: Connection;
  readonly progress: Pick<CommandContext['progress'], 'report'>;
  readonly signal: AbortSignal;
}

/**
 * Finds what a directory or bucket has and the point has not, within the paths that are restored.
 * @throws {@link TargetUnavailableError} the bucket keeps no versions, so that what is deleted would be lost.
 * @throws {@link InvalidInputError} it cannot be told what belongs there.
 */
export async function findExtra(search: ExtraSearch): Promise<Extra> {
  const { directory } = search.destination;
  return directory === undefined ? findInBucket(search) : findInDirectory(search, directory);
}

async function findInDirectory(search: ExtraSearch, directory: string): Promise<Extra> {
  const { reader, paths, connection, signal } = search;
  const { services, localVault } = connection;
  const found = await findExtraEntries({
    root: directory,
    below: paths?.filter((path) => path.endsWith('/')),
    async *listPoint(below) {
      for await (const entry of listEntries(reader, below, true, signal))
        if ('file' in entry) yield entry.file.entry.path;
    },
    precious: localVault === undefined ? [] : [localVault.root, localVault.keyFile],
    random: services.random,
    signal,
  });
  const names = found.map(({ path, bytes }) => ({ path: Buffer.from(path, 'latin1'), bytes }));
  return {
    place: directory,
    unit: 'entry',
    count: found.length,
    bytes: found.reduce((sum, one) => sum + one.bytes, 0),
    first: names.slice(0, namesShown).map(({ path }) => pathText(path)),
    async *list() {
      yield* names;
    },
    remove: async () => {
      const { removed, bytes, left } = removeExtraEntries({ root: directory }, found);
      return { removed, bytes, leftCount: left.length, left };
    },
    close: async () => {},
  };
}

async function findInBucket(search: ExtraSearch): Promise<Extra> {
  const { point, reader, destination, connection, progress, signal } = search;
  const { prefix = '' } = destination;
  const bucket = connection.openTarget(destination.bucket ?? shortNameOf(point.resourceArn));
  await bucket.checkKeepsVersions(signal);
  const below = await findBelow(search);
  const list: TargetBucket['list'] = async function* (...options) {
    let files = 0;
    for await (const object of bucket.list(...options)) {
      progress.report({ step: 'compare', files: ++files, bytes: 0, unit: 'object' });
      yield object;
    }
  };
  const find = (): AsyncIterable<PlacedObject> =>
    findExtraObjects({ reader, bucket: { list }, prefix, below, signal });
  const found = await ShownObjects.open(connection.services.random);
  const first: string[] = [];
  for await (const object of find()) {
    if (first.length < namesShown) first.push(pathText(object.path));
    await found.add(object);
  }
  return {
    place: placeText(point, destination, ''),
    unit: 'object',
    count: found.count,
    bytes: found.bytes,
    first,
    async *list() {
      for await (const { path, size: bytes } of found.list()) yield { path, bytes };
    },
    remove: async (onHidden) => {
      const hidden = await hideExtraObjects(bucket, found.list(), { signal, onHidden });
      const reasons = new Map(hidden.leftObjects.map(({ path, reason }) => [pathText(path), reason]));
      // Also what came since: only a look at all of it shows that the place is as the point.
      let leftCount = 0;
      const left: { path: string; reason: string }[] = [];
      for await (const object of find()) {
        leftCount += 1;
        const path = pathText(object.path);
        const reason = reasons.get(path) ?? 'it came or changed since it was shown';
        if (left.length < namesShown) left.push({ path, reason });
      }
      return { removed: hidden.hidden, bytes: hidden.bytes, leftCount, left };
    },
    close: async () => found.close(),
  };
}

/**
 * Beginnings of the paths that are looked at. In the bucket that was protected, only what the plan protects: of the rest
 * the point does not tell.
 */
async function findBelow({ point, destination, paths, connection }: ExtraSearch): Promise<readonly string[]> {
  const below = distinctPrefixes(paths === undefined ? [''] : paths.filter((path) => path.endsWith('/')));
  const { original, bucket, prefix = '' } = destination;
  const isItself = bucket === shortNameOf(point.resourceArn) && prefix === '';
  const isOrigin = original === true || (isItself && point.resourceKind === 's3-bucket');
  if (!isOrigin) return below;
  const plan = (await connection.deployment.findPlans())?.find(({ name }) => name === point.plan);
  if (plan !== undefined) return plan.prefixes.length === 0 ? below : commonPrefixes(below, plan.prefixes);
  if (paths !== undefined) return below;
  throw new InvalidInputError(
    `what of ${point.resourceArn} plan "${point.plan}" backs up is not known any more, and what it leaves out would be taken for ` +
      'extra; name what is to be as the point with --path <folder/>',
  );
}
