import { ObjectArchivedError, ObjectNotFoundError, UnknownNameError } from '@holdfast/engine';
import { errorName, httpStatus, toEngineError } from '../sdk/sdk-errors.ts';

const goneNames: ReadonlySet<string> = new Set(['NoSuchKey', 'NoSuchUpload', 'NoSuchVersion']);

/** The name has a version already, or another writer is at it. */
export function isConditionFailure(error: unknown): boolean {
  const name = errorName(error);
  return name === 'PreconditionFailed' || name === 'ConditionalRequestConflict' || httpStatus(error) === 412;
}

/**
 * S3 says that an object or version is not there. Only its own words do: a status alone, or any other 400 such as
 * that of an expired session, says nothing of what was asked for.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
export function isGone(error: unknown, versionId?: string): boolean {
  const name = errorName(error);
  if (goneNames.has(name)) return true;
  if (versionId === undefined) return false;
  // The first is said of a delete marker's id, the second of one that S3 never gave out.
  return name === 'MethodNotAllowed' || (name === 'InvalidArgument' && isAboutVersionId(error));
}

function isAboutVersionId(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('ArgumentName' in error) return error.ArgumentName === 'versionId';
  return /version id/i.test(error.message);
}

/** @param what - the call and its object, as the message names them. */
export function toStoreError(
  error: unknown,
  name: string,
  versionId?: string,
  what = `S3 object ${name}`,
): unknown {
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
      if (isGone(error, versionId)) return new ObjectNotFoundError(name, versionId, cause);
      return toEngineError(error, what);
  }
}

/** The answer of a call about an object, whose errors are turned as by {@link toStoreError}. */
export async function objectAnswerOf<Answer>(
  call: Promise<Answer>,
  name: string,
  versionId?: string,
): Promise<Answer> {
  return call.catch((error: unknown) => {
    throw toStoreError(error, name, versionId);
  });
}
