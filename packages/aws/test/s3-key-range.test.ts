import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBytes, utf8 } from '@holdfast/engine';
import { startAfterFor } from '../src/sources/s3-key-range.ts';

const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 8 });

test('a listing that begins after the start shows the beginning of the range itself', () => {
  fc.assert(
    fc.property(key, (from) => {
      const start = startAfterFor(utf8(from));

      expect(start === undefined || compareBytes(utf8(start), utf8(from)) < 0).toBe(true);
    }),
  );
});

test('the start is so close to the range that keys of the same length hardly fit between', () => {
  expect(startAfterFor(utf8('ab'))).toBe('aa\u{10FFFD}');
  expect(startAfterFor(utf8('a\u0000'))).toBe('a');
  expect(startAfterFor(utf8('\u{E000}'))).toBe('\uD7FF\u{10FFFD}');
  expect(startAfterFor(utf8('a\u{10000}'))).toBe('a\uFFFF\u{10FFFD}');
  expect(startAfterFor(utf8('\u0000'))).toBeUndefined();
  expect(startAfterFor(new Uint8Array(0))).toBeUndefined();
  expect(startAfterFor(undefined)).toBeUndefined();
});

test('the start is no longer than a key may be, however long the keys of the range are', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_010, max: 1_023 }), key, (bytes, end) => {
      const from = utf8('k'.repeat(bytes) + end).subarray(0, 1_024);

      const start = utf8(startAfterFor(from) ?? '');

      expect(start.length).toBeLessThanOrEqual(1_024);
      expect(start.length).toBeGreaterThan(1_000);
      expect(compareBytes(start, from)).toBeLessThan(0);
    }),
  );
  expect(startAfterFor(utf8(`${'k'.repeat(1_024)}\0`))).toBe('k'.repeat(1_024));
});

test('a range that begins in the middle of a character starts before it', () => {
  const whole = utf8('aä');

  const start = startAfterFor(whole.subarray(0, 2));

  expect(start).toBe('`\u{10FFFD}');
});
