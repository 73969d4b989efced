import { SourceEntryError, SourceUnavailableError } from '@holdfast/engine';
import { isGone } from '../store/s3-errors.ts';
import {
  errorName,
  httpStatus,
  isAbort,
  isCredentialFailure,
  isDenied,
  isKmsRefusal,
  isUnavailable,
  toEngineError,
} from '../sdk/sdk-errors.ts';

export function toSourceEntryError(error: unknown, bucket: string, key: string): unknown {
  const cause = { cause: error };
  const name = errorName(error);
  const message = error instanceof Error ? error.message : '';
  if (name === 'NoSuchBucket') return toSourceError(error, bucket);
  if (isUnavailable(error) || isAbort(error) || isCredentialFailure(error))
    return toEngineError(error, `reading ${key} of bucket ${bucket}`);
  if (isGone(error)) {
    return new SourceEntryError('vanished', key, 'was deleted since it was listed', cause);
  }
  if (name === 'PreconditionFailed' || httpStatus(error) === 412) {
    return new SourceEntryError('changed', key, 'changed since it was listed; the next run reads it', cause);
  }
  if (name === 'InvalidObjectState') {
    const remedy = 'is in an archive class; restore it in S3 first, or leave its prefix out of the plan';
    return new SourceEntryError('archived', key, remedy, cause);
  }
  if (isKmsRefusal(error)) {
    const keyArn = /arn:[\w-]+:kms:[^\s"']+/.exec(message)?.[0] ?? 'a KMS key';
    const remedy = `is encrypted with ${keyArn}; list that key under sources.keys in the plans file, deploy, and check its policy`;
    return new SourceEntryError(
      isDenied(error) ? 'denied' : 'unreadable',
      key,
      `${remedy} (${message})`,
      cause,
    );
  }
  if (isDenied(error)) {
    const remedy =
      'may not be read; allow s3:GetObject and s3:GetObjectTagging on it: name its bucket under sources.buckets in the ' +
      "plans file and deploy, and check the bucket's own policy";
    return new SourceEntryError('denied', key, `${remedy} (${message})`, cause);
  }
  if (httpStatus(error) === undefined) return toEngineError(error, `reading ${key} of bucket ${bucket}`);
  return new SourceEntryError('unreadable', key, `cannot be read (${name}: ${message})`, cause);
}

export function toSourceError(error: unknown, bucket: string): unknown {
  const cause = { cause: error };
  const name = errorName(error);
  if (name === 'NoSuchBucket') {
    return new SourceUnavailableError(
      `bucket ${bucket} does not exist; make it again, or leave it out if it was deleted on purpose`,
      cause,
    );
  }
  if (name === 'PermanentRedirect' || httpStatus(error) === 301) {
    return new SourceUnavailableError(`bucket ${bucket} is in another region; deploy Holdfast there`, cause);
  }
  if (isDenied(error)) {
    return new SourceUnavailableError(
      `bucket ${bucket} may not be read; allow s3:ListBucket on it for the worker role, and check its bucket policy`,
      cause,
    );
  }
  return toEngineError(error, `listing bucket ${bucket}`);
}
