import { expect, test } from 'vitest';
import {
  AccessDeniedError,
  CredentialsRefusedError,
  InvalidInputError,
  ObjectExistsError,
  StoreUnavailableError,
} from '@holdfast/engine';
import { toEngineError } from '../src/sdk/sdk-errors.ts';
import { networkError, sdkError } from './sdk-failures.ts';

test.each([
  sdkError('SlowDown', 503),
  sdkError('ThrottlingException', 400),
  sdkError('ProvisionedThroughputExceededException', 400),
  sdkError('RequestLimitExceeded', 503),
  sdkError('SnapshotCreationPerVolumeRateExceeded', 400),
  sdkError('InternalError', 500),
  sdkError('Unknown', 502),
  sdkError('TimeoutError', undefined),
  networkError('ECONNRESET'),
  networkError('ENOTFOUND'),
])('takes $name for a service that may answer later', (error) => {
  expect(toEngineError(error, 'reading x')).toBeInstanceOf(StoreUnavailableError);
});

test.each([
  sdkError('AccessDenied', 403),
  sdkError('AccessDeniedException', 400),
  sdkError('UnauthorizedOperation', 403),
  sdkError('Forbidden', 403),
])('takes $name for a missing permission', (error) => {
  expect(toEngineError(error, 'reading x')).toBeInstanceOf(AccessDeniedError);
});

test.each([
  sdkError('ExpiredToken', 400),
  sdkError('ExpiredTokenException', 400),
  sdkError('InvalidToken', 400),
  sdkError('TokenRefreshRequired', 400),
  sdkError('RequestTimeTooSkewed', 403),
  sdkError('InvalidAccessKeyId', 403),
  sdkError('SignatureDoesNotMatch', 403),
  sdkError('InvalidClientTokenId', 403),
  sdkError('UnrecognizedClientException', 400),
  sdkError('RequestExpired', 400),
  sdkError('AuthFailure', 401, 'AWS was not able to validate the provided access credentials'),
  sdkError('CredentialsProviderError', undefined, 'the session of profile x has expired'),
])('takes $name for credentials that are over, whatever was asked for', (error) => {
  expect(toEngineError(error, 'reading x')).toBeInstanceOf(CredentialsRefusedError);
});

test('takes the refusal of a key that S3 uses for one of its caller, unless it only was throttled', () => {
  const disabled = toEngineError(sdkError('KMS.DisabledException', 400), 'reading x');
  const throttled = toEngineError(sdkError('KMS.ThrottlingException', 400), 'reading x');

  expect(disabled).toBeInstanceOf(AccessDeniedError);
  expect(throttled).toBeInstanceOf(StoreUnavailableError);
});

test('names the call, what the service said, and keeps the cause', () => {
  const error = sdkError('ValidationException', 400, 'bad key');

  const mapped = toEngineError(error, 'reading row x');

  expect(mapped).toBeInstanceOf(InvalidInputError);
  expect(mapped).toMatchObject({ cause: error });
  expect(String(mapped)).toMatch(/reading row x.*ValidationException: bad key/);
});

test('leaves engine errors, aborts and our own mistakes as they are', () => {
  for (const error of [
    new ObjectExistsError('x'),
    sdkError('AbortError', undefined),
    new TypeError('x is undefined'),
  ]) {
    expect(toEngineError(error, 'reading x')).toBe(error);
  }
});
