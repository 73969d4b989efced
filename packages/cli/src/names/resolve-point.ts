import {
  type Catalog,
  findKeptPoint,
  isDegraded,
  isKept,
  isPointId,
  type PointChoice,
  type PointRow,
  type ResourceArn,
  UnknownNameError,
} from '@holdfast/engine';
import { UsageError } from '../terminal/errors.ts';
import { timeText } from '../terminal/text.ts';
import { choiceText, parsePointName, pointNameForms, type PointName } from './point-name.ts';
import { ambiguous, findResource, resolveResourceArn } from './resolve.ts';

/** Length of a year and a month: a shorter prefix would hardly be meant. */
const shortestPrefix = 6;

const exampleId = '00000000T000000Z-0000000000000000';

/** Tells text that can begin a point's id, and is long enough to be meant as one. */
export function isPointPrefix(text: string): boolean {
  return text.length >= shortestPrefix && beginsId(text);
}

function beginsId(text: string): boolean {
  return text !== '' && isPointId(text + exampleId.slice(text.length));
}

/**
 * A point by its id, the beginning of its id, or a resource's name with which of its points: `photos@latest`.
 * @throws {@link UnknownNameError} there is none; the message names the nearest.
 * @throws {@link UsageError} the name is ambiguous, or that of a resource with all its points.
 */
export async function resolvePoint(catalog: Catalog, text: string, now: Date): Promise<PointRow> {
  const found = await findPointOrResource(catalog, text, now);
  if ('pointId' in found) return found;
  throw new UsageError(
    `"${text}" names a resource; say which of its points with "${text}" and one of ${pointNameForms}, or take an id ` +
      `of "holdfast points ${text}"`,
  );
}

/**
 * Finds a point as {@link resolvePoint}, or of a resource the newest that is kept, or the newest of those that are not
 * later than `time`.
 * @throws {@link UnknownNameError} there is none; the message names the nearest.
 * @throws {@link UsageError} the name is ambiguous, or a time is given together with a point.
 */
export async function resolvePointOrResource(
  catalog: Catalog,
  text: string,
  now: Date,
  time?: Date,
): Promise<PointRow> {
  const found = await findPointOrResource(catalog, text, now);
  if (!('pointId' in found)) return getChosenPoint(catalog, found.resourceArn, { time }, now);
  if (time === undefined) return found;
  throw new UsageError(`"${text}" names one point; leave --time out, or name the resource`);
}

/**
 * Finds one point, or a resource with all its points, by name.
 * @throws {@link UnknownNameError} there is no such thing.
 * @throws {@link UsageError} the name is ambiguous.
 */
export async function findPointOrResource(
  catalog: Catalog,
  text: string,
  now: Date,
): Promise<PointRow | { readonly resourceArn: ResourceArn }> {
  if (isPointId(text) || (beginsId(text) && (await findResource(catalog, text)) === undefined))
    return resolveId(catalog, text);
  const name = parsePointName(text);
  const isOfResource = name !== undefined && (await namesPoint(catalog, text, name));
  if (!isOfResource) return { resourceArn: await resolveResourceArn(catalog, text) };
  const { resource, which, choice } = name;
  const arn = await resolveResourceArn(catalog, resource);
  if (choice !== undefined) return getChosenPoint(catalog, arn, choice, now);
  throw new UsageError(
    `"@${which}" names no point of "${resource}"; write "${resource}" and one of ${pointNameForms}`,
  );
}

/**
 * Tells a point's name from the name of a resource that has an `@` itself.
 * @throws {@link UsageError} it is both.
 */
async function namesPoint(catalog: Catalog, text: string, { resource, choice }: PointName): Promise<boolean> {
  const [whole, before] = [await findResource(catalog, text), await findResource(catalog, resource)];
  if (whole === undefined) return choice !== undefined || before !== undefined;
  if (choice !== undefined && before !== undefined)
    throw ambiguous(
      text,
      [whole.arn, `a point of ${before.arn}`],
      'name the point by its id, of the resource with "@latest" behind it',
    );
  return false;
}

/**
 * A point by its id or the beginning of its id, if no other point's id begins so.
 * @throws {@link UnknownNameError} no point's id begins so.
 * @throws {@link UsageError} several do; the message lists them.
 */
async function resolveId(catalog: Catalog, text: string): Promise<PointRow> {
  if (isPointId(text)) {
    const point = await catalog.points.find(text);
    if (point !== undefined) return point;
  } else if (text.length < shortestPrefix)
    throw new UnknownNameError(
      `no resource is called "${text}"; of a point's id give at least ${shortestPrefix} characters`,
    );
  const found: PointRow[] = [];
  const around: { before?: PointRow; after?: PointRow } = {};
  // No index finds points by a prefix; this list has all of them, whatever became of their resource.
  for await (const point of catalog.points.listExpiring({})) {
    const { pointId } = point;
    if (pointId.startsWith(text)) found.push(point);
    else if (pointId < text && pointId > (around.before?.pointId ?? '')) around.before = point;
    else if (pointId > text && pointId < (around.after?.pointId ?? '~')) around.after = point;
  }
  const [point] = found;
  if (point !== undefined && found.length === 1) return point;
  if (point !== undefined) throw ambiguous(text, found.map(withResource).toSorted(), 'write more of the id');
  const nearest = [around.before, around.after].flatMap((near) => (near ? [withResource(near)] : []));
  throw new UnknownNameError(
    nearest.length === 0
      ? `no point's id begins with "${text}"; the catalog has no points`
      : `no point's id begins with "${text}"; the nearest are ${nearest.join(' and ')}; "holdfast points" lists all`,
  );
}

function withResource({ pointId, resourceArn }: PointRow): string {
  return `${pointId} (${resourceArn})`;
}

/** @throws {@link UnknownNameError} no point of the resource fits; the message names the nearest. */
async function getChosenPoint(
  catalog: Catalog,
  arn: ResourceArn,
  choice: PointChoice,
  now: Date,
): Promise<PointRow> {
  const point = await findKeptPoint(catalog, arn, choice, now);
  if (point !== undefined) return point;
  const partOf = (await catalog.resources.find(arn))?.partOf;
  if (partOf !== undefined)
    throw new UnknownNameError(`${arn} is backed up as a part of ${partOf}; name that, or one of its points`);
  throw new UnknownNameError(
    `${arn} has no ${choiceText(choice)} that is kept; ${await nearestText(catalog, arn, choice, now)}; ` +
      `"holdfast points ${arn}" lists all`,
  );
}

/** The point to take instead: the first one behind the time, or the newest, which is not clean or not kept any more. */
async function nearestText(
  catalog: Catalog,
  arn: ResourceArn,
  { time }: PointChoice,
  now: Date,
): Promise<string> {
  let newest: PointRow | undefined;
  const kept: { newest?: PointRow; oldest?: PointRow } = {};
  for await (const point of catalog.points.list(arn)) {
    newest ??= point;
    if (!isKept(point, now)) continue;
    kept.newest ??= point;
    kept.oldest = point;
  }
  const nearest = (time === undefined ? kept.newest : kept.oldest) ?? newest;
  if (nearest === undefined) return 'it has none at all';
  const { pointId, sourceTime, expiresAt } = nearest;
  const state = isDegraded(nearest) ? ', which is degraded' : '';
  const end = isKept(nearest, now) ? state : `, which was kept until ${timeText(expiresAt)}`;
  return `the nearest is ${pointId} of ${timeText(sourceTime)}${end}`;
}
