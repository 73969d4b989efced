import { NotSupportedError, openVault, PointReader, type PointRow } from '@holdfast/engine';
import { isImageKind } from '@holdfast/engine/model';
import type { Connection } from '../deployment/connection.ts';

/** Opens a point for reading. Costs one call of KMS for each of the vault's keys that it needs. */
export async function openPoint(connection: Connection, point: PointRow): Promise<PointReader> {
  const [reader] = await openPoints(connection, point);
  return reader;
}

export async function openPoints<Rows extends readonly PointRow[]>(
  { services: { store, keyring } }: Connection,
  ...points: Rows
): Promise<{ [At in keyof Rows]: PointReader }> {
  const keys = await openVault({ store, keyring });
  const open = points.map(async ({ resourceArn, pointId, rootVersionId }) =>
    PointReader.open(store, keys, resourceArn, pointId, rootVersionId),
  );
  return (await Promise.all(open)) as { [At in keyof Rows]: PointReader };
}

/** Tells points that consist of volumes instead of files. */
export function isImage({ resourceKind }: PointRow): boolean {
  return isImageKind(resourceKind);
}

/** @throws {@link NotSupportedError} the point is an image, which has no files. */
export function checkHasFiles(point: PointRow, what: string): void {
  if (!isImage(point)) return;
  throw new NotSupportedError(
    `point ${point.pointId} is an image of ${point.resourceArn}, which consists of volumes, so ${what}; ` +
      `"holdfast ls ${point.pointId}" names them, and "holdfast restore ${point.pointId} --to-volumes <zone>" makes volumes of them`,
  );
}
