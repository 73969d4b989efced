import { expect, test } from 'vitest';
import {
  AccessDeniedError,
  InvalidInputError,
  ObjectExistsError,
  StoreUnavailableError,
} from '@holdfast/engine';
import { toEngineError } from '../src/sdk-errors.ts';
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
  sdkError('ExpiredToken', 400),
  sdkError('Forbidden', 403),
])('takes $name for a missing permission', (error) => {
  expect(toEngineError(error, 'reading x')).toBeInstanceOf(AccessDeniedError);
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
