import {
  SnapshotMissingError,
  SourceUnavailableError,
  StoreUnavailableError,
  UnrelatedSnapshotsError,
} from '@holdfast/engine';
import { errorName, isCredentialFailure, isDenied, isThrottled, toEngineError } from '../sdk/sdk-errors.ts';

/** A call for blocks: what it does, and of which snapshots. */
export interface BlockCall {
  readonly what: string;
  readonly snapshot: string;
  readonly base?: string;
}

/** The finer name of an error of the EBS direct APIs, such as `INVALID_BLOCK_TOKEN`. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error) || !('Reason' in error)) return '';
  return typeof error.Reason === 'string' ? error.Reason : '';
}

/** Reasons that speak of the KMS key of an encrypted snapshot. */
const keyReasons: ReadonlySet<string> = new Set([
  'DEPENDENCY_ACCESS_DENIED',
  'DEPENDENCY_RESOURCE_NOT_FOUND',
  'GRANT_NOT_FOUND',
  'INVALID_CUSTOMER_KEY',
  'INVALID_DEPENDENCY_REQUEST',
  'INVALID_GRANT_TOKEN',
]);

/** The KMS key of a snapshot may not be used. */
export function isKeyRefusal(error: unknown): boolean {
  return keyReasons.has(reasonOf(error));
}

/**
 * Turns an error of the EBS direct APIs into an engine error. AWS documents that snapshots have to be complete, and not
 * with what it refuses those that are not: an id that it takes for none is treated like one that is gone.
 * @see https://docs.aws.amazon.com/ebs/latest/APIReference/API_GetSnapshotBlock.html#API_GetSnapshotBlock_Errors
 */
export function toBlockError(error: unknown, { what, snapshot, base }: BlockCall): unknown {
  const reason = reasonOf(error);
  const message = error instanceof Error ? error.message : '';
  const cause = { cause: error };
  // Of two snapshots AWS names the one that it means.
  const named = base !== undefined && message.includes(base) ? base : snapshot;
  if (keyReasons.has(reason)) {
    return new SourceUnavailableError(
      `${what} needs the KMS key that snapshot ${named} is encrypted with (${reason}: ${message}); list that key under ` +
        'sources.keys in the plans file, deploy, and check its policy',
      cause,
    );
  }
  if (reason === 'UNRELATED_SNAPSHOTS' && base !== undefined)
    return new UnrelatedSnapshotsError(snapshot, base, message);
  if (reason === 'INVALID_SNAPSHOT_ID')
    return new SnapshotMissingError(named, undefined, 'that has no blocks');
  if (errorName(error) === 'ResourceNotFoundException') return new SnapshotMissingError(named);
  if (isThrottled(error) || reason === 'DEPENDENCY_SERVICE_QUOTA_EXCEEDED') {
    return new StoreUnavailableError(`${what} is throttled (${reason}: ${message}); try again later`, cause);
  }
  if (isDenied(error) && !isCredentialFailure(error)) {
    return new SourceUnavailableError(
      `${what} was refused (${message}); allow the EBS direct APIs on snapshot ${named} for the role that runs this`,
      cause,
    );
  }
  return toEngineError(error, what);
}
