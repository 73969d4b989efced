import { AccessDeniedError, BackupError, InvalidInputError, StoreUnavailableError } from '@holdfast/engine';

const deniedNames: ReadonlySet<string> = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AllAccessDisabled',
  'AuthFailure',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'UnauthorizedOperation',
  'UnrecognizedClientException',
]);

const unavailableNames: ReadonlySet<string> = new Set([
  'BandwidthLimitExceeded',
  // Another conditional write of the name is under way: S3 does not know yet what will be there.
  'ConditionalRequestConflict',
  'InternalError',
  'InternalFailure',
  'InternalServerError',
  'InternalServiceException',
  'KMSInternalException',
  'LimitExceededException',
  'OperationAborted',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'RequestTimeout',
  'RequestTimeoutException',
  'ServiceUnavailable',
  'SlowDown',
  'SnapshotCreationPerVolumeRateExceeded',
  'Throttling',
  'ThrottledException',
  'ThrottlingException',
  'TimeoutError',
  'TooManyRequestsException',
  'TransactionInProgressException',
]);

/** The service's name of an error (`NoSuchKey`), or '' if it has none. */
export function errorName(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** The HTTP status that the service answered with, or `undefined` if no answer came. */
export function httpStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** Whether the caller stopped the call itself. */
export function isAbort(error: unknown): boolean {
  return errorName(error) === 'AbortError';
}

/** Whether the service refused for lack of permission. */
export function isDenied(error: unknown): boolean {
  return deniedNames.has(errorName(error)) || (httpStatus(error) === 403 && !isUnavailable(error));
}

/** Whether the service throttled, failed or did not answer: the call may have happened all the same. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error) || isAbort(error)) return false;
  if (unavailableNames.has(error.name)) return true;
  const status = httpStatus(error);
  if (status !== undefined) return status >= 500 || status === 429;
  // Without an answer it is the network: `code` is the operating system's name for it.
  return 'code' in error || '$retryable' in error;
}

/**
 * Turns what a client threw into an engine error, so that no SDK error leaves this package. Engine errors and aborts
 * pass as they are, and so does what is not from the SDK: a mistake in our own code.
 * @param what the call and its object, as in `reading catalog row X`: the message's subject
 */
export function toEngineError(error: unknown, what: string): unknown {
  if (error instanceof BackupError || isAbort(error) || !(error instanceof Error)) return error;
  const detail = `${error.name}: ${error.message}`;
  if (isDenied(error)) {
    return new AccessDeniedError(`${what} was refused (${detail}); allow it for the role that runs this`, {
      cause: error,
    });
  }
  if (isUnavailable(error)) {
    return new StoreUnavailableError(`${what} did not succeed (${detail}); try again later`, {
      cause: error,
    });
  }
  if (httpStatus(error) === undefined) return error;
  return new InvalidInputError(`${what} is not possible (${detail}); correct the request`, { cause: error });
}
