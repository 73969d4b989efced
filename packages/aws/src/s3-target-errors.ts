import { BackupError, RestorePathError, TargetUnavailableError } from '@holdfast/engine';
import {
  errorName,
  isAbort,
  isCredentialFailure,
  isDenied,
  isUnavailable,
  toEngineError,
} from './sdk-errors.ts';

/** Turns an error of a write into a restore's target into an engine error. */
export function toTargetError(error: unknown, bucket: string, key: string): unknown {
  if (error instanceof BackupError || isAbort(error) || isUnavailable(error) || isCredentialFailure(error)) {
    return toEngineError(error, `writing ${key} into bucket ${bucket}`);
  }
  const cause = { cause: error };
  const name = errorName(error);
  const message = error instanceof Error ? error.message : '';
  if (name === 'NoSuchBucket') {
    return new TargetUnavailableError(
      `bucket ${bucket} does not exist; make it, or restore into another`,
      cause,
    );
  }
  if (/kms/i.test(`${name} ${message}`)) {
    return new TargetUnavailableError(
      `bucket ${bucket} encrypts with a KMS key that may not be used; allow it for the restore role (${message})`,
      cause,
    );
  }
  if (isDenied(error)) {
    return new TargetUnavailableError(
      `bucket ${bucket} may not be written; name it in the configuration's restoreTargets, and check its policy`,
      cause,
    );
  }
  if (name === 'KeyTooLongError') return new RestorePathError(key, 'S3 does not take a key of that length');
  return toEngineError(error, `writing ${key} into bucket ${bucket}`);
}
