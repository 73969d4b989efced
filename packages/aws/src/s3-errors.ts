import { ObjectArchivedError, ObjectNotFoundError, UnknownNameError } from '@holdfast/engine';
import { errorName, httpStatus, toEngineError } from './sdk-errors.ts';

/** Whether S3 refused a conditional write because the name has a version, or another writer is at it. */
export function isConditionFailure(error: unknown): boolean {
  const name = errorName(error);
  return name === 'PreconditionFailed' || name === 'ConditionalRequestConflict' || httpStatus(error) === 412;
}

/** Turns an error of S3 about one object into an engine error. */
export function toStoreError(error: unknown, name: string, versionId?: string): unknown {
  const cause = { cause: error };
  switch (errorName(error)) {
    case 'NoSuchBucket':
      return new UnknownNameError(
        `the bucket of object ${name} does not exist; check its name and region`,
        cause,
      );
    case 'InvalidObjectState':
      return new ObjectArchivedError(name, cause);
    default:
  }
  const status = httpStatus(error);
  if (status === 404) return new ObjectNotFoundError(name, versionId, cause);
  // What S3 says to a version id that it never gave out (400), and to the id of a delete marker (405).
  if (versionId !== undefined && (status === 400 || status === 405)) {
    return new ObjectNotFoundError(name, versionId, cause);
  }
  return toEngineError(error, `S3 object ${name}`);
}
