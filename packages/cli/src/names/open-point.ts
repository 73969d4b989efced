import { NotSupportedError, openVault, PointReader, type PointRow } from '@holdfast/engine';
import { isImageKind } from '@holdfast/engine/model';
import type { Connection } from '../deployment/connection.ts';

/** Opens a point for reading, out of the vault. Costs one call of KMS for each of the vault's keys that it needs. */
export async function openPoint({ services }: Connection, point: PointRow): Promise<PointReader> {
  const { store, keyring } = services;
  const keys = await openVault({ store, keyring });
  return PointReader.open(store, keys, point.resourceArn, point.pointId, point.rootVersionId);
}

/** Opens two points with one set of keys. */
export async function openPoints(
  { services }: Connection,
  a: PointRow,
  b: PointRow,
): Promise<readonly [PointReader, PointReader]> {
  const { store, keyring } = services;
  const keys = await openVault({ store, keyring });
  const open = async (point: PointRow): Promise<PointReader> =>
    PointReader.open(store, keys, point.resourceArn, point.pointId, point.rootVersionId);
  return [await open(a), await open(b)];
}

/** Whether a point consists of snapshots instead of files. */
export function isImage({ resourceKind }: PointRow): boolean {
  return isImageKind(resourceKind);
}

/** @throws {@link NotSupportedError} the point is an image, which has no files. */
export function checkHasFiles(point: PointRow, what: string): void {
  if (!isImage(point)) return;
  throw new NotSupportedError(
    `point ${point.pointId} is an image of ${point.resourceArn}: its content lies in EBS snapshots, so ${what}; ` +
      `"holdfast ls ${point.pointId}" names them, and "holdfast restore ${point.pointId} --to-volumes <zone>" makes volumes of them`,
  );
}
