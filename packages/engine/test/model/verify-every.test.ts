import { expect, test } from 'vitest';
import { verifyEveryDays } from '../../src/model/verify-every.ts';
import { storageClassPrices } from '../../src/model/prices.ts';

const classes = Object.keys(storageClassPrices) as (keyof typeof storageClassPrices)[];

test.each(classes)('a year of reading in %s adds at most a fifth to what keeping costs', (storageClass) => {
  const { gibibyteMonth, retrievalGibibyte } = storageClassPrices[storageClass];

  const readsAYear = 365 / verifyEveryDays(storageClass, 30);

  expect(readsAYear * retrievalGibibyte).toBeLessThanOrEqual(0.2 * 12 * gibibyteMonth);
});

test('what costs requests only to read keeps its turn', () => {
  expect(verifyEveryDays(undefined, 30)).toBe(30);
  expect(verifyEveryDays('STANDARD', 7)).toBe(7);
});

test('a class that nobody knows is read as seldom as the dearest', () => {
  expect(verifyEveryDays('AWS_BACKUP_WARM', 30)).toBe(verifyEveryDays('GLACIER_IR', 30));
});
