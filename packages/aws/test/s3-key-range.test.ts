import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBytes, utf8 } from '@holdfast/engine';
import { normalizePrefixes, startAfterFor } from '../src/sources/s3-key-range.ts';

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

test('a range that begins in the middle of a character starts before it', () => {
  const whole = utf8('aä');

  const start = startAfterFor(whole.subarray(0, 2));

  expect(start).toBe('`\u{10FFFD}');
});

test('prefixes are sorted, and those under another are left out', () => {
  expect(normalizePrefixes([])).toEqual(['']);
  expect(normalizePrefixes(['b/', 'a/x', 'a/', 'b/'])).toEqual(['a/', 'b/']);
  expect(normalizePrefixes(['a', ''])).toEqual(['']);
});
