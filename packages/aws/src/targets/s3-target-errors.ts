import { BackupError, TargetEntryError, TargetUnavailableError } from '@holdfast/engine';
import {
  errorName,
  httpStatus,
  isAbort,
  isCredentialFailure,
  isDenied,
  isKmsRefusal,
  isUnavailable,
  isUnsendable,
  toEngineError,
} from '../sdk/sdk-errors.ts';

/** Errors of the account or the bucket, whatever the key. */
const ofAccount: ReadonlySet<string> = new Set([
  'AccountProblem',
  'AllAccessDisabled',
  'InvalidSecurity',
  'NotSignedUp',
]);

/**
 * Turns an error of S3 about one key of a restore's target into an engine error. Errors of the bucket, of the key
 * that it encrypts with, or of the caller concern all; every other answer concerns the one key. That all keys are
 * refused alike (no rights on the bucket) cannot be told from one answer, and whoever restores finds out.
 */
export function toTargetError(error: unknown, bucket: string, key: string): unknown {
  const doing = `writing ${key} into bucket ${bucket}`;
  if (error instanceof BackupError || isAbort(error)) return error;
  const cause = { cause: error };
  const name = errorName(error);
  const message = error instanceof Error ? error.message : '';
  const status = httpStatus(error);
  const contended = name === 'ConditionalRequestConflict' || name === 'OperationAborted';
  if (contended) {
    const remedy = 'is being written by somebody else at the same time; restore it again';
    return new TargetEntryError('contended', key, `${remedy} (${name}: ${message})`, cause);
  }
  if (name === 'NoSuchUpload') {
    const remedy =
      'was being uploaded, and somebody ended that; restore it again, where no lifecycle rule of the bucket ends uploads sooner';
    return new TargetEntryError('contended', key, `${remedy} (${message})`, cause);
  }
  if (isUnavailable(error) || isCredentialFailure(error)) return toEngineError(error, doing);
  if (isUnsendable(error)) {
    const remedy = 'has metadata or headers that no request can carry; restore it to a directory';
    return new TargetEntryError('unfit', key, `${remedy} (${message})`, cause);
  }
  if (status === undefined && !isDenied(error)) return toEngineError(error, doing);
  if (ofAccount.has(name)) {
    return new TargetUnavailableError(
      `bucket ${bucket} is closed to this account (${name}: ${message})`,
      cause,
    );
  }
  if (name === 'NoSuchBucket') {
    return new TargetUnavailableError(
      `bucket ${bucket} does not exist; make it, or restore into another`,
      cause,
    );
  }
  if (status !== undefined && status >= 300 && status < 400) {
    return new TargetUnavailableError(
      `bucket ${bucket} is in another region; name one of the region that Holdfast is deployed in`,
      cause,
    );
  }
  if (isKmsRefusal(error)) {
    return new TargetUnavailableError(
      `bucket ${bucket} encrypts with a KMS key that may not be used; allow it for the restore role (${message})`,
      cause,
    );
  }
  if (isDenied(error)) {
    const remedy =
      "may not be written; name its bucket in the configuration's restoreTargets, and check the bucket's policy";
    return new TargetEntryError('denied', key, `${remedy} (${name}: ${message})`, cause);
  }
  return new TargetEntryError('unfit', key, `is refused by S3 as it is (${name}: ${message})`, cause);
}
