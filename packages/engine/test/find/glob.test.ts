import { expect, test } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import { InvalidInputError } from '../../src/errors.ts';
import { parseGlob } from '../../src/find/glob.ts';

test.for([
  ['*.xlsx', ['a.xlsx', 'x/y/b.xlsx', '.xlsx'], ['a.xlsxx', 'a.xlsx/b']],
  ['report', ['report', 'x/report', 'x/report/'], ['report/a', 'reports']],
  ['/report', ['report', 'report/'], ['x/report']],
  ['x/*', ['x/a', 'x/.hidden', 'x/y/'], ['x/', 'x', 'x/y/a', 'a/x/b']],
  ['x/**', ['x/a', 'x/y/a', 'x/', 'x//a'], ['x', 'xy/a']],
  ['x/', ['x/a', 'x/y/a', 'x/', 'a/x/b'], ['x', 'xx/a']],
  ['**', ['a', 'a/b', 'a/', '/'], []],
  ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z', 'a//z'], ['az', 'a/z/b', 'b/a/z']],
  ['a/*/z', ['a/b/z'], ['a/z', 'a//z', 'a/b/c/z']],
  ['?', ['a', 'ä', '😀', 'x/b'], ['ab', '']],
  ['[a-cx]1', ['a1', 'b1', 'x1'], ['d1', '[1', 'a-cx1']],
  ['[!a-c]1', ['d1', 'ä1'], ['a1']],
  ['[]]', [']'], ['[]]x']],
  ['[ä-ü]', ['ö'], ['a']],
  ['\\*', ['*', 'x/*'], ['a', '\\*x']],
  ['{a,b}.{c,d}', ['a.c', 'b.d'], ['a.', 'ab.cd']],
  ['{a,{b,c}d}', ['a', 'bd', 'cd'], ['b', 'ad']],
  ['{x,y/z}/*', ['x/1', 'y/z/1'], ['y/1']],
  ['{a}', ['{a}'], ['a']],
  ['a*b*c', ['abc', 'a-b-c', 'abcbc'], ['acb']],
] as const)('%s means what a shell takes it for', ([pattern, fitting, others]) => {
  const { matches } = parseGlob(pattern);

  expect(fitting.filter((path) => !matches(utf8(path)))).toEqual([]);
  expect(others.filter((path) => matches(utf8(path)))).toEqual([]);
});

test('a name is found by itself, whatever its characters mean in a pattern', () => {
  expect(parseGlob('x/report[1].pdf').matches(utf8('x/report[1].pdf'))).toBe(true);
});

test('a byte that is not UTF-8 is one character, and none that can be written', () => {
  const path = Buffer.from([0x61, 0xff, 0xc3, 0x62]);

  expect(parseGlob('a??b').matches(path)).toBe(true);
  expect(parseGlob('a*b').matches(path)).toBe(true);
  expect(parseGlob('a?b').matches(path)).toBe(false);
  expect(parseGlob('a\ufffd\ufffdb').matches(path)).toBe(false);
});

test('a name that is made for it takes no longer than others', () => {
  const { matches } = parseGlob(`${'*a'.repeat(30)}b`);

  expect(matches(utf8('a'.repeat(1000)))).toBe(false);
});

test.for([
  ['photos/2026/*.jpg', ['photos/2026/*.jpg', 'photos/2026/'], [true, false]],
  ['photos/a.jpg', ['photos/a.jpg', 'photos/a.jpg'], [true, true]],
  ['photos/**', ['photos/**', 'photos/'], [true, false]],
  ['photos/{a,b}/x', ['photos/{a,b}/x', 'photos/a/x', 'photos/b/x'], [true, true, true]],
  ['*.jpg', ['*.jpg', ''], [true, false]],
] as const)('says of %s what paths begin with, so that others are not read', ([pattern, texts, wholes]) => {
  const { starts } = parseGlob(pattern);

  expect(starts.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(texts);
  expect(starts.map(({ isWhole }) => isWhole)).toEqual(wholes);
});

test('an empty pattern, and one that stands for thousands, is refused', () => {
  expect(() => parseGlob('')).toThrow(InvalidInputError);
  expect(() => parseGlob('{a,b}'.repeat(30))).toThrow('more than 1000 alternatives');
});
