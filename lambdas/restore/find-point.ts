import {
  type Catalog,
  type Clock,
  findKeptPoint,
  isKept,
  type PointRow,
  type ResourceArn,
  UnknownNameError,
} from '@holdfast/engine';
import type { RestoreRequest } from '@holdfast/engine/model';

/**
 * The point that a person named, or the newest one of a resource at or before a time that has not expired.
 * @throws {@link UnknownNameError} there is none; the message says what there is.
 */
export async function findPointFor(
  { catalog, clock }: { readonly catalog: Catalog; readonly clock: Clock },
  { point, resource, time }: Pick<RestoreRequest, 'point' | 'resource' | 'time'>,
): Promise<PointRow> {
  if (point !== undefined) {
    const row = await catalog.points.find(point);
    if (row !== undefined) return row;
    throw new UnknownNameError(
      `point ${point} does not exist; list a resource's points with "holdfast points <arn>"`,
    );
  }
  const arn = resource as ResourceArn;
  const at = new Date(time ?? '');
  const now = clock.now();
  const found = await findKeptPoint(catalog, arn, { time: at }, now);
  if (found !== undefined) return found;
  let oldest: PointRow | undefined;
  for await (const row of catalog.points.list(arn)) if (isKept(row, now)) oldest = row;
  throw new UnknownNameError(
    `${arn} has no recovery point at or before ${at.toISOString()}; ` +
      (oldest === undefined
        ? 'it has none at all: check the ARN'
        : `its oldest one is ${oldest.pointId} of ${oldest.sourceTime.toISOString()}`),
  );
}
