import { expect, test } from 'vitest';
import { estimateTotal } from '../../src/quote/estimate-total.ts';

test('what was read wholly is counted, not estimated', () => {
  const units = [
    { bytes: 100, storedBytes: 30 },
    { bytes: 50, storedBytes: 50 },
  ];

  expect(estimateTotal([{ bytes: 150, units, isWhole: true }])).toEqual({ value: 80, low: 80, high: 80 });
});

test('units that all compress alike leave no doubt, and different ones do', () => {
  const alike = Array.from({ length: 10 }, () => ({ bytes: 100, storedBytes: 30 }));
  const different = alike.map(({ bytes }, at) => ({ bytes, storedBytes: at % 2 === 0 ? 10 : 50 }));

  const sure = estimateTotal([{ bytes: 10_000, units: alike, isWhole: false }]);
  const unsure = estimateTotal([{ bytes: 10_000, units: different, isWhole: false }]);

  expect(sure).toEqual({ value: 3_000, low: 3_000, high: 3_000 });
  expect(unsure.value).toBe(3_000);
  // 95 % of Student's distribution with 9 degrees of freedom: 2.26 standard errors of 20 · sqrt(10 / 9) / sqrt(10).
  expect(unsure.high - unsure.value).toBeCloseTo(100 * 2.24 * Math.sqrt(0.9) * (20 / 3), -1);
});

test('a stratum of which nothing could be read counts as incompressible, with doubt', () => {
  const { value, low, high } = estimateTotal([{ bytes: 1_000, units: [], isWhole: false }]);

  expect(value).toBe(1_000);
  expect(low).toBeLessThan(600);
  expect(high).toBeGreaterThan(1_400);
});

test('no content is no bytes', () => {
  expect(estimateTotal([])).toEqual({ value: 0, low: 0, high: 0 });
});
