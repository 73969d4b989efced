import * as z from 'zod';
import { UnknownNameError } from '../errors.ts';
import type { PointId, ResourceArn } from '../ids.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { HoldScope } from '../model/machines/hold.ts';
import { resourceArn } from '../model/machines/ids.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { ResourceRow } from '../ports/catalog/resources.ts';

/** @param tags - of the point's resource, when it was last discovered. */
export function coversPoint(
  scope: HoldScope,
  point: Pick<PointRow, 'pointId' | 'resourceArn'>,
  tags: NonNullable<ResourceRow['tags']>,
): boolean {
  if (scope.kind === 'point') return scope.pointId === point.pointId;
  if (scope.kind === 'resource') return scope.resourceArn === point.resourceArn;
  return tags[scope.key] === scope.value;
}

/** A place in the list of a hold's points: behind one of them, which need not be there any more. Plain JSON. */
export const CoveredPlace = z.object({
  arn: resourceArn,
  pointId: z.string().transform((text) => text as PointId),
});
export type CoveredPlace = z.infer<typeof CoveredPlace>;

/**
 * Lists the points that a hold keeps now, by ARN, newest first. A point that is being expired is among them until it is
 * gone.
 */
export async function* listCovered(
  catalog: Pick<Catalog, 'resources' | 'points'>,
  scope: HoldScope,
  after?: CoveredPlace,
): AsyncGenerator<PointRow> {
  const pointsOf = async function* (arn: ResourceArn): AsyncGenerator<PointRow> {
    // Ids of one resource sort by source time.
    for await (const point of catalog.points.list(arn))
      if (after?.arn !== arn || point.pointId < after.pointId) yield point;
  };
  if (scope.kind === 'point') {
    const point = after === undefined ? await catalog.points.find(scope.pointId) : undefined;
    if (point !== undefined) yield point;
  } else if (scope.kind === 'resource') {
    yield* pointsOf(scope.resourceArn);
  } else {
    const isTagged = (tags: ResourceRow['tags'] = {}): boolean => tags[scope.key] === scope.value;
    if (after !== undefined && isTagged((await catalog.resources.find(after.arn))?.tags))
      yield* pointsOf(after.arn);
    for await (const { arn, tags } of catalog.resources.list(after?.arn))
      if (isTagged(tags)) yield* pointsOf(arn);
  }
}

/**
 * Refuses a hold that would keep nothing, now or later: a misspelt tag protects nobody, and nobody notices.
 * @throws {@link UnknownNameError} naming what is not there.
 */
export async function checkCovers(
  catalog: Pick<Catalog, 'resources' | 'points'>,
  scope: HoldScope,
): Promise<void> {
  if (scope.kind === 'point') {
    const point = await catalog.points.find(scope.pointId);
    if (point === undefined)
      throw new UnknownNameError(
        `point ${scope.pointId} is not in the catalog; "holdfast points" lists what is`,
      );
    if (point.expiring === true)
      throw new UnknownNameError(
        `point ${scope.pointId} has expired and is being removed; it cannot be held any more`,
      );
  } else if (scope.kind === 'resource') {
    if ((await catalog.resources.find(scope.resourceArn)) !== undefined) return;
    // Points outlive the row of their resource.
    for await (const _point of catalog.points.list(scope.resourceArn)) return;
    throw new UnknownNameError(
      `resource ${scope.resourceArn} is not in the catalog; "holdfast resources" lists what is`,
    );
  } else {
    for await (const { tags = {} } of catalog.resources.list()) if (tags[scope.key] === scope.value) return;
    throw new UnknownNameError(
      `no resource carried the tag ${scope.key}=${scope.value} when it was last discovered; correct it, or hold ` +
        'resources by their names',
    );
  }
}

/** Compares field by field: catalogs may give the fields of a scope back in another order. */
export function isSameScope(a: HoldScope, b: HoldScope): boolean {
  if (a.kind === 'point') return b.kind === 'point' && a.pointId === b.pointId;
  if (a.kind === 'resource') return b.kind === 'resource' && a.resourceArn === b.resourceArn;
  return b.kind === 'tag' && a.key === b.key && a.value === b.value;
}

export function holdScopeText(scope: HoldScope): string {
  if (scope.kind === 'point') return `point ${scope.pointId}`;
  return scope.kind === 'resource' ? `resource ${scope.resourceArn}` : `tag ${scope.key}=${scope.value}`;
}
