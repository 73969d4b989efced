import { expect, test } from 'vitest';
import { quoteRestore } from '../../src/restore/quote.ts';

const gibibyte = 2 ** 30;
const large = { files: 1, bytes: 100 * gibibyte, storedBytes: 100 * gibibyte, workers: 10 };

test('a restore out of Glacier Instant Retrieval costs $0.03 for each GiB more than one out of the standard class', () => {
  const standard = quoteRestore(large).dollars;
  const instant = quoteRestore({ ...large, storageClass: 'GLACIER_IR' }).dollars;

  // 100 GiB, and 6,400 requests of $0.01 a thousand instead of $0.0004.
  expect(instant - standard).toBeCloseTo(3 + 6.4 * (0.01 - 0.0004), 3);
});

test('workers are priced at the memory that they have', () => {
  const { dollars } = quoteRestore(large);

  // 200 GiB through 40 MB/s, in functions of 1,769 MB on arm64.
  expect(dollars).toBeCloseTo((200 * gibibyte * (1769 / 1024) * 0.000_013_333_4) / 40e6, 2);
});

test('what the caller’s own process restores into files costs neither functions nor PUTs', () => {
  const local = quoteRestore({ ...large, files: 1_000_000, isLocal: true });

  expect(local.dollars).toBeCloseTo((6_400 + 1_000) * 0.000_000_4, 6);
  expect(local.requests).toBe(7_400);
});
