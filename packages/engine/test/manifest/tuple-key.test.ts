import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes, utf8 } from '../../src/bytes.ts';
import { InvalidInputError, StoredBytesDamagedError } from '../../src/errors.ts';
import {
  comparePathToKey,
  decodeFileKey,
  entryKey,
  extentKey,
  fileLeafBits,
  hasSamePath,
  isEntryKey,
  keyAfter,
  pathKeys,
  prefixKeys,
  type FileKey,
  type KeyRange,
} from '../../src/manifest/tuple-key.ts';

const path = fc
  .array(fc.constantFrom(0x00, 0x01, 0x14, 0x61, 0xfe, 0xff), { maxLength: 5 })
  .map((bytes) => Uint8Array.from(bytes));
const offset = fc.oneof(
  fc.constantFrom(0, 1, 255, 256, 2 ** 30, 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
);
const fileKey: fc.Arbitrary<FileKey> = fc.oneof(fc.record({ path }), fc.record({ path, offset }));
const seed = { seed: 2, numRuns: 1000 };

function encode(key: FileKey): Uint8Array {
  return key.offset === undefined ? entryKey(key.path) : extentKey(key.path, key.offset);
}

function isIn(key: Uint8Array, { from, to }: KeyRange): boolean {
  return (
    (from === undefined || compareBytes(key, from) >= 0) && (to === undefined || compareBytes(key, to) < 0)
  );
}

describe('a key', () => {
  test.each([
    [entryKey(utf8('a')), '016100'],
    [entryKey(new Uint8Array()), '0100'],
    [entryKey(Uint8Array.of(0x61, 0, 0xff)), '016100ffff00'],
    [extentKey(utf8('a'), 0), '01610014'],
    [extentKey(utf8('a'), 255), '01610015ff'],
    [extentKey(utf8('a'), 256), '016100160100'],
    [extentKey(utf8('a'), Number.MAX_SAFE_INTEGER), '0161001b1fffffffffffff'],
  ])('has the bytes that the format says', (key, hex) => {
    expect(Buffer.from(key).toString('hex')).toBe(hex);
  });

  test('comes back as it was', () => {
    fc.assert(
      fc.property(fileKey, (key) => {
        expect(decodeFileKey(encode(key), 'page')).toEqual(key);
      }),
      seed,
    );
  });

  test('tells its path and what it is of without being decoded', () => {
    fc.assert(
      fc.property(fileKey, fileKey, (a, b) => {
        const key = encode(a);

        expect(isEntryKey(key)).toBe(a.offset === undefined);
        expect(hasSamePath(key, encode(b))).toBe(compareBytes(a.path, b.path) === 0);
        expect(hasSamePath(key, extentKey(a.path, 7))).toBe(true);
        expect(Math.sign(comparePathToKey(b.path, key))).toBe(Math.sign(compareBytes(b.path, a.path)));
        expect(comparePathToKey(a.path, key)).toBe(0);
      }),
      seed,
    );
  });

  test('sorts by path, then the entry, then its content by offset', () => {
    fc.assert(
      fc.property(fileKey, fileKey, (a, b) => {
        const expected = compareBytes(a.path, b.path) || (a.offset ?? -1) - (b.offset ?? -1);

        expect(Math.sign(compareBytes(encode(a), encode(b)))).toBe(Math.sign(expected));
      }),
      seed,
    );
  });

  test('that no writer makes is refused', () => {
    const malformed = [
      '',
      '00',
      '01',
      '0161',
      '026100',
      '01610013',
      '0161001c0102030405060708',
      '0161001500',
      '01610015',
      '016100160001',
      '0161001501ff',
      '0161001b20000000000000',
      '01610000',
    ];

    for (const hex of malformed) {
      expect(() => decodeFileKey(Buffer.from(hex, 'hex'), 'page'), hex).toThrow(StoredBytesDamagedError);
    }
  });

  test('is refused or read as exactly one path and offset, whatever its bytes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0, 1, 0x14, 0x15, 0x16, 0x61, 0xff), { maxLength: 8 }),
        (bytes) => {
          const key = Uint8Array.from([1, ...bytes]);
          let read: FileKey;
          try {
            read = decodeFileKey(key, 'page');
          } catch (error) {
            expect(error).toBeInstanceOf(StoredBytesDamagedError);
            return;
          }
          expect(compareBytes(encode(read), key)).toBe(0);
        },
      ),
      seed,
    );
  });

  test('is refused for a path that is too long and an offset that is none', () => {
    expect(() => entryKey(new Uint8Array(8191))).toThrow(InvalidInputError);
    expect(() => extentKey(utf8('a'), -1)).toThrow(InvalidInputError);
    expect(() => extentKey(utf8('a'), 2 ** 53)).toThrow(InvalidInputError);
    expect(entryKey(new Uint8Array(8190).fill(1))).toHaveLength(8192);
  });
});

describe('a range of keys', () => {
  test('of a path holds its entry and its content and nothing else', () => {
    fc.assert(
      fc.property(path, fileKey, (of, key) => {
        expect(isIn(encode(key), pathKeys(of))).toBe(compareBytes(of, key.path) === 0);
      }),
      seed,
    );
  });

  test('of a prefix holds the paths that begin with it and nothing else', () => {
    fc.assert(
      fc.property(path, fileKey, (prefix, key) => {
        const begins = compareBytes(key.path.subarray(0, prefix.length), prefix) === 0;

        expect(isIn(encode(key), prefixKeys(prefix))).toBe(begins);
      }),
      seed,
    );
  });

  test('has nothing between a key and the one after it', () => {
    fc.assert(
      fc.property(path, path, (key, other) => {
        const between = compareBytes(other, key) > 0 && compareBytes(other, keyAfter(key)) < 0;

        expect(between).toBe(false);
      }),
      seed,
    );
  });
});

test('the leaves of large files are smaller than those of names', () => {
  expect(fileLeafBits(entryKey(Uint8Array.of(0x61, 0)))).toBe(7);
  expect(fileLeafBits(extentKey(Uint8Array.of(0x61, 0), 0))).toBe(5);
  expect(fileLeafBits(extentKey(utf8('a'), 256))).toBe(3);
});
