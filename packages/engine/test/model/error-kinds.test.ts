import { expect, test } from 'vitest';
import {
  ChunkCorruptError,
  isDamage,
  isOfKind,
  KeyUnavailableError,
  ObjectNotFoundError,
  RunOpenError,
  StoreUnavailableError,
} from '../../src/errors.ts';
import { errorNamesOf, findErrorKind } from '../../src/model/error-kinds.ts';
import { isLoss } from '../../src/verify/loss.ts';

test('an error has the kind of its name, and so has the name alone', () => {
  const error = new ObjectNotFoundError('packs/one');

  expect(error.kind).toBe('absent');
  expect(findErrorKind(error.name)).toBe('absent');
  expect(isOfKind(error, 'damage', 'absent')).toBe(true);
  expect(isOfKind(new Error('other'), 'absent')).toBe(false);
});

test("a name that is not the product's has no kind", () => {
  expect(findErrorKind('SyntaxError')).toBeUndefined();
  expect(findErrorKind('constructor')).toBeUndefined();
});

test('stored bytes that are another chunk are damage like any other', () => {
  expect(isDamage(new ChunkCorruptError('c', 'p'))).toBe(true);
});

test('a key that may not be used now is refused, and nothing is lost', () => {
  const refused = new KeyUnavailableError('k', ['kms'], { refusal: 'the key is disabled' });

  expect([refused.kind, isLoss(refused)]).toEqual(['denied', false]);
  expect(isLoss(new KeyUnavailableError('k', ['kms']))).toBe(true);
});

test('what nobody has to mend may succeed later', () => {
  expect(new StoreUnavailableError('no answer').retry).toBe('later');
  expect(new RunOpenError('arn:x', 'r', new Date(0)).retry).toBe('later');
  expect(new ObjectNotFoundError('packs/one').retry).toBe('never');
});

test('Step Functions is told the names of what it tries again', () => {
  expect(errorNamesOf('unavailable', 'credentials', 'conflict')).toEqual([
    'StoreUnavailableError',
    'CredentialsRefusedError',
    'CatalogConflictError',
  ]);
});
