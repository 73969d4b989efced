import {
  isKept,
  isOfKind,
  listEntries,
  type PointReader,
  type PointRow,
  UnknownNameError,
} from '@holdfast/engine';
import type { Connection } from '../deployment/connection.ts';
import { UsageError } from '../terminal/errors.ts';
import { countText } from '../terminal/text.ts';
import { isImage, openPoint } from './open-point.ts';
import { findPointOrResource } from './resolve-point.ts';

/**
 * Finds the newest point of a resource that is kept and has something at every path. Reads a few pages of each point that
 * has not.
 * @throws {@link UsageError} a point is named, or no path.
 * @throws {@link UnknownNameError} no point has all of them.
 */
export async function getNewestWith(
  connection: Connection,
  name: string,
  paths: readonly string[] | undefined,
  {
    now,
    time,
    signal,
  }: { readonly now: Date; readonly time: Date | undefined; readonly signal: AbortSignal },
): Promise<PointRow> {
  if (paths === undefined) throw new UsageError('--newest-with goes with --path, which says with what');
  const { catalog } = connection.services;
  const found = await findPointOrResource(catalog, name, now);
  if ('pointId' in found)
    throw new UsageError(`"${name}" names one point; leave --newest-with out, or name the resource`);
  let points = 0;
  for await (const point of catalog.points.list(found.resourceArn, { to: time })) {
    if (!isKept(point, now) || point.archiveClass !== undefined) continue;
    points += 1;
    const reader = await openPoint(connection, point);
    const has = isImage(point) ? hasAllInImage : hasAll;
    if (await has(reader, paths, { openSnapshots: connection.openSnapshots, signal })) return point;
  }
  throw new UnknownNameError(
    `none of ${countText(points, 'point')} of ${found.resourceArn} has ${paths.map((path) => JSON.stringify(path)).join(' and ')}; ` +
      `"holdfast find ${name} <glob>" looks for what is called otherwise`,
  );
}

type Reading = Pick<Connection, 'openSnapshots'> & { readonly signal: AbortSignal };

async function hasAll(reader: PointReader, paths: readonly string[], { signal }: Reading): Promise<boolean> {
  for (const path of paths) {
    const entries = listEntries(reader, path, true, signal);
    const first = await entries.next();
    await entries.return(undefined);
    if (first.done === true) return false;
  }
  return true;
}

async function hasAllInImage(
  reader: PointReader,
  paths: readonly string[],
  options: Reading,
): Promise<boolean> {
  const { lookUpPaths, openPointImage } = await import('@holdfast/image-files');
  const image = openPointImage(reader, options);
  try {
    await lookUpPaths(image, paths);
    return true;
  } catch (error) {
    // What overwrote the disk, or encrypted it, may have left no file system.
    if (isOfKind(error, 'unknown', 'unsupported')) return false;
    throw error;
  }
}
