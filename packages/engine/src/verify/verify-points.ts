import { AccessDeniedError, ObjectArchivedError } from '../errors.ts';
import type { PointId, ResourceArn } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { PointReader } from '../restore/point-reader.ts';
import { isLoss } from './loss.ts';
import { errorRecordOf, type ErrorRecord } from '../model/error-record.ts';
import { createSharedChecks, verifyPoint, type VerifyOptions, type VerifyOutcome } from './verify-point.ts';

export interface PointToVerify {
  readonly resourceArn: ResourceArn;
  readonly pointId: PointId;
  /** Version of its root. @default the oldest that there is */
  readonly versionId?: string;
}

export type PointVerification<Point extends PointToVerify> = { readonly point: Point } & (
  | { readonly outcome: VerifyOutcome }
  /** Nothing can be said of its files: its root cannot be read. */
  | { readonly rootLoss: ErrorRecord }
  /** Nothing can be said of it: it has to be thawed first, or its root or pages may not be read. */
  | { readonly notVerified: ErrorRecord }
);

/**
 * Verifies any number of points of one vault, one after the other. Shared data is read once, so that all points of a
 * resource cost about as much as the first of them and what changed since.
 * Memory: that of one point, and an id for every pack.
 */
export async function* verifyPoints<Point extends PointToVerify>(
  { store, keys }: { readonly store: ObjectStore; readonly keys: VaultKeys },
  points: AsyncIterable<Point> | Iterable<Point>,
  options: VerifyOptions = {},
): AsyncGenerator<PointVerification<Point>> {
  const shared = createSharedChecks({ store, keys }, options);
  for await (const point of points) {
    let reader: PointReader;
    try {
      reader = await PointReader.open(store, keys, point.resourceArn, point.pointId, point.versionId);
    } catch (error) {
      if (error instanceof AccessDeniedError) yield { point, notVerified: errorRecordOf(error) };
      else if (isLoss(error)) yield { point, rootLoss: errorRecordOf(error) };
      else throw error;
      continue;
    }
    try {
      yield { point, outcome: await verifyPoint(reader, options, shared) };
    } catch (error) {
      const isRefusal = error instanceof AccessDeniedError && shared.refusals.refusalOfAll !== error;
      if (!(error instanceof ObjectArchivedError) && !isRefusal) throw error;
      yield { point, notVerified: errorRecordOf(error) };
    }
  }
}
