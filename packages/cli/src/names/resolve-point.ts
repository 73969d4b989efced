import { type Catalog, isPointId, type PointRow, type ResourceArn, UnknownNameError } from '@holdfast/engine';
import { UsageError } from '../terminal/errors.ts';
import { findResource, resolveResourceArn } from './resolve-resource.ts';
import { safeText } from '../terminal/text.ts';

const candidatesShown = 10;
/** A year and a month: less would hardly be meant. */
const shortestPrefix = 6;
const exampleId = '00000000T000000Z-0000000000000000';

/**
 * A recovery point by its id or the beginning of its id, if no other point's id begins so.
 * @throws {@link UnknownNameError} no point's id begins so.
 * @throws {@link UsageError} several do, or it is too short; the message lists them.
 */
export async function resolvePoint(catalog: Catalog, text: string): Promise<PointRow> {
  if (isPointId(text)) {
    const point = await catalog.points.find(text);
    if (point !== undefined) return point;
    throw new UnknownNameError(`point ${text} is not in the catalog; "holdfast points" lists what is`);
  }
  const found: PointRow[] = [];
  if (isPointPrefix(text)) {
    // No index knows points by id's beginning; this list has all of them, whatever became of their resource.
    for await (const point of catalog.points.listExpiring({}))
      if (point.pointId.startsWith(text)) found.push(point);
  }
  const [point] = found;
  if (point === undefined) {
    throw new UnknownNameError(
      `no point's id begins with "${safeText(text)}"; "holdfast points" lists them; give at least ${shortestPrefix} characters`,
    );
  }
  if (found.length === 1) return point;
  const shown = found.map(({ pointId, resourceArn }) => `${pointId} (${resourceArn})`).sort();
  const more = shown.length > candidatesShown ? `, and ${shown.length - candidatesShown} more` : '';
  throw new UsageError(
    `"${text}" may be any of ${shown.slice(0, candidatesShown).join(', ')}${more}; write more of the id`,
  );
}

/**
 * The point that a point's id or a resource's name stands for: of a resource the newest that has not expired, or the
 * newest of those that are not later than `time`.
 * @throws {@link UnknownNameError} there is none.
 * @throws {@link UsageError} the name is ambiguous, or a time is given together with a point.
 */
export async function resolvePointOrResource(
  catalog: Catalog,
  text: string,
  now: Date,
  time?: Date,
): Promise<PointRow> {
  const found = await findPointOrResource(catalog, text);
  if ('pointId' in found) {
    if (time !== undefined)
      throw new UsageError(`"${text}" names one point; leave --time out, or name the resource`);
    return found;
  }
  const arn = found.resourceArn;
  // What an expired point needs may be gone; whoever wants one names it.
  for await (const point of catalog.points.list(arn, time === undefined ? {} : { to: time })) {
    if (point.expiresAt > now) return point;
  }
  const partOf = (await catalog.resources.find(arn))?.partOf;
  if (partOf !== undefined)
    throw new UnknownNameError(`${arn} is backed up as a part of ${partOf}; name that, or one of its points`);
  const before = time === undefined ? '' : ` of ${time.toISOString()} or before`;
  throw new UnknownNameError(
    `${arn} has no point${before} that has not expired; "holdfast points ${text}" lists what there is`,
  );
}

/**
 * What a name stands for: one point, or a resource with all its points.
 * @throws {@link UnknownNameError} there is no such thing.
 * @throws {@link UsageError} the name is ambiguous.
 */
export async function findPointOrResource(
  catalog: Catalog,
  text: string,
): Promise<PointRow | { readonly resourceArn: ResourceArn }> {
  if (isPointId(text) || (isPointPrefix(text) && (await findResource(catalog, text)) === undefined))
    return resolvePoint(catalog, text);
  return { resourceArn: await resolveResourceArn(catalog, text) };
}

/** Whether text can be the beginning of a point's id, and is long enough to be meant as one. */
export function isPointPrefix(text: string): boolean {
  return text.length >= shortestPrefix && isPointId(text + exampleId.slice(text.length));
}
