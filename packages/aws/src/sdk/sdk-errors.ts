import {
  AccessDeniedError,
  BackupError,
  CredentialsRefusedError,
  InvalidInputError,
  StoreUnavailableError,
} from '@holdfast/engine';

const deniedNames: ReadonlySet<string> = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AllAccessDisabled',
  'AuthFailure',
  'UnauthorizedOperation',
]);

const credentialNames: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'IncompleteSignatureException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'InvalidToken',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'SignatureDoesNotMatch',
  'TokenRefreshRequired',
  'UnrecognizedClientException',
  // The SDK's own: it found none, or could not renew those of a single sign-on session.
  'CredentialsProviderError',
  'TokenProviderError',
]);

/** Errors of clocks that are too far apart; EC2 says them of expired credentials, too. */
const clockNames: ReadonlySet<string> = new Set([
  'RequestExpired',
  'RequestInTheFuture',
  'RequestTimeTooSkewed',
]);

/** Names by which a service refuses calls because there are too many of them. */
const throttledNames: ReadonlySet<string> = new Set([
  'ConcurrentLimitExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'Throttling',
  'ThrottledException',
  'ThrottlingException',
  'TooManyRequestsException',
]);

const unavailableNames: ReadonlySet<string> = new Set([
  ...throttledNames,
  'BandwidthLimitExceeded',
  // Another conditional write of the name is under way: S3 does not know yet what will be there.
  'ConditionalRequestConflict',
  'DependencyTimeoutException',
  'InternalError',
  'InternalFailure',
  'InternalServerError',
  'InternalServiceException',
  'KMSInternalException',
  'KeyUnavailableException',
  'LimitExceededException',
  'OperationAborted',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestTimeout',
  'RequestTimeoutException',
  'ServiceUnavailable',
  'SnapshotCreationPerVolumeRateExceeded',
  'TimeoutError',
  'TransactionInProgressException',
]);

/** Names that the SDK gives to an answer without a code. */
const codelessName = /^(?:|Unknown|UnknownError|NotFound|\d{3})$/;

/** The service's name of an error (`NoSuchKey`), or '' if it has none. */
export function errorName(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** The HTTP status of the service's answer, or `undefined` if no answer came. */
export function httpStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/**
 * Replaces an error without a code by the one that another call of the same object and permission gives. Every
 * refused HEAD lacks a code, as it has no body: its 400 may be an expired session or a wrong version id.
 * @param ask - the other call. Where it succeeds, the first error stays.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
 */
export async function withCode(error: unknown, ask: () => Promise<unknown>): Promise<unknown> {
  const status = httpStatus(error);
  if (status === undefined || status < 400 || status > 405 || !codelessName.test(errorName(error)))
    return error;
  return ask().then(
    () => error,
    (explained: unknown) => explained,
  );
}

export function isThrottled(error: unknown): boolean {
  return throttledNames.has(errorName(error)) || httpStatus(error) === 429;
}

export function isAbort(error: unknown): boolean {
  return errorName(error) === 'AbortError';
}

/** The service refused the caller's credentials, and not what was asked for. */
export function isCredentialFailure(error: unknown): boolean {
  const name = errorName(error);
  if (credentialNames.has(name) || clockNames.has(name)) return true;
  // EC2 uses this name for keys that it does not know, and for somebody else's snapshot.
  return name === 'AuthFailure' && error instanceof Error && /credential/i.test(error.message);
}

export function isDenied(error: unknown): boolean {
  if (isCredentialFailure(error) || isUnavailable(error)) return false;
  return deniedNames.has(errorName(error)) || httpStatus(error) === 403;
}

/** S3 may not use the KMS key of what was asked for: no permission, disabled, about to be deleted. */
function isKeyFailure(error: unknown): boolean {
  return errorName(error).startsWith('KMS.') && !isUnavailable(error);
}

/** KMS did not let another service use its key. */
export function isKmsRefusal(error: unknown): boolean {
  const message = error instanceof Error ? error.message : '';
  // Not any "kms": messages carry the names of objects.
  return /^kms/i.test(errorName(error)) || /not authorized to perform: kms:/i.test(message);
}

/** The request could not be made at all, such as one whose header has a line break. */
export function isUnsendable(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ERR_INVALID_CHAR' || code === 'ERR_INVALID_HTTP_TOKEN';
}

/** The service throttled, failed or did not answer: the call may have happened all the same. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error) || isAbort(error) || isUnsendable(error)) return false;
  // The prefix marks errors of the key that S3 or another service uses for the caller.
  if (unavailableNames.has(error.name.replace(/^KMS\./, ''))) return true;
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
  if (isCredentialFailure(error)) {
    const remedy = clockNames.has(error.name)
      ? 'set the clock of this machine, or renew the credentials'
      : 'they have expired or are not valid: renew them';
    return new CredentialsRefusedError(
      `${what} failed as the credentials were refused (${detail}); ${remedy}, and run it again`,
      { cause: error },
    );
  }
  if (isDenied(error) || isKeyFailure(error)) {
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

/** The answer of a call, whose errors are turned as by {@link toEngineError}. */
export async function answerOf<Answer>(call: Promise<Answer>, what: string): Promise<Answer> {
  return call.catch((error: unknown) => {
    throw toEngineError(error, what);
  });
}
