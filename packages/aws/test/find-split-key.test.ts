import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBytes, utf8 } from '@holdfast/engine';
import { findSplitKey } from '../src/sources/find-split-key.ts';

const order = (a: string, b: string): number => compareBytes(utf8(a), utf8(b));

/** Asks a sorted list of keys for a split behind `from`. */
async function splitOf(keys: readonly string[], from: string) {
  let asked = 0;
  const sorted = keys.toSorted(order).filter((key) => order(key, from) >= 0);
  const split = await findSplitKey(from, async (text) => {
    asked += 1;
    return sorted.find((key) => order(key, text) >= 0);
  });
  return { split, asked };
}

function day(year: number): string {
  return `customers/production/logs/${year}/01/01/part-00001.json`;
}

test('finds another year below folders that all keys share, with few looks', async () => {
  const keys = [2019, 2020, 2021, 2022, 2023].map(day);

  const { split, asked } = await splitOf(keys, `${day(2019)}\0`);

  expect(keys.slice(1)).toContain(split);
  expect(asked).toBeLessThan(20);
});

test('cuts random hexadecimal names about in the middle', async () => {
  const keys = Array.from({ length: 256 }, (_, at) => at.toString(16).padStart(2, '0'));

  const { split } = await splitOf(keys, '00\0');

  expect(keys.indexOf(split ?? '')).toBeGreaterThan(64);
  expect(keys.indexOf(split ?? '')).toBeLessThan(192);
});

test('finds keys that go on where the last one ended, and none behind the last', async () => {
  expect((await splitOf(['a', 'a/1', 'a/2'], 'a\0')).split).toBe('a/1');
  expect((await splitOf(['a', 'a/1'], 'a/1\0')).split).toBeUndefined();
  expect((await splitOf([], '')).split).toBeUndefined();
});

test('finds a later key whenever there is one, whatever letters keys have', async () => {
  const letter = fc.constantFrom(
    '\0',
    '/',
    '0',
    'a',
    '\x7f',
    '\x80',
    'ä',
    '\ud7ff',
    '\ue000',
    '\u{1f600}',
    '\u{10ffff}',
  );
  const key = fc.string({ unit: letter, minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(key, { minLength: 1, maxLength: 12 }), fc.nat(), async (keys, pick) => {
      const from = `${keys[pick % keys.length]}\0`;
      const later = keys.filter((one) => order(one, from) > 0);

      const { split } = await splitOf(keys, from);

      if (later.length === 0) expect(split).toBeUndefined();
      else expect(later).toContain(split);
    }),
    { numRuns: 500 },
  );
});
