import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encode, rfc8949EncodeOptions } from 'cborg';
import { fromHex, toHex } from '../../src/bytes.ts';
import { InvalidInputError, StoredBytesDamagedError } from '../../src/errors.ts';
import type { PointId } from '../../src/ids.ts';
import { CborReader } from '../../src/manifest/cbor-reader.ts';
import {
  decodeFileEntry,
  encodeFileEntry,
  isEntryOf,
  type FileEntry,
} from '../../src/manifest/file-entry.ts';
import { extentKey } from '../../src/manifest/tuple-key.ts';
import type { SourceEntry } from '../../src/ports/file-source.ts';
import { triesOf } from '../thoroughness.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: 'grapheme-ascii', minLength: 90, maxLength: 140 }),
);
const texts = fc
  .dictionary(fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'mode')), text, {
    maxKeys: 4,
    noNullPrototype: true,
  })
  .map((record) => Object.fromEntries(Object.entries(record)));
const someFile: fc.Arbitrary<FileEntry> = fc.record({
  entry: fc.record<SourceEntry>({
    path: fc.uint8Array({ maxLength: 20 }).map((bytes) => new Uint8Array(bytes)),
    kind: fc.constantFrom('object', 'file', 'directory', 'symlink'),
    size: fc.maxSafeNat(),
    modifiedMs: fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })).map((n) => n + 0),
    changeToken: text,
    attributes: texts,
    userMetadata: texts,
    tags: texts,
  }),
  mustRead: fc.boolean(),
});
const plain: FileEntry = {
  entry: {
    path: Uint8Array.of(0x61),
    kind: 'object',
    size: 5,
    modifiedMs: 1.5,
    changeToken: 'x',
    attributes: {},
    userMetadata: {},
    tags: {},
  },
  mustRead: false,
};

describe("a file's entry", () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(someFile, (file) => {
        expect(decodeFileEntry(encodeFileEntry(file), 'page')).toEqual(file);
      }),
      { seed: 50, numRuns: triesOf(150) },
    );
  });

  test('is the deterministic CBOR that a general encoder makes', () => {
    const longTexts = fc.dictionary(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ maxLength: 70_000, size: 'max' }),
      {
        maxKeys: 3,
        noNullPrototype: true,
      },
    );
    fc.assert(
      fc.property(someFile, longTexts, ({ entry, mustRead }, tags) => {
        const fields = new Map<string, unknown>([
          ['k', entry.kind],
          ['s', entry.size],
          ['m', entry.modifiedMs],
          ['c', entry.changeToken],
        ]);
        for (const [name, record] of [
          ['a', entry.attributes],
          ['u', entry.userMetadata],
          ['t', tags],
        ] as const) {
          if (Object.keys(record).length > 0) fields.set(name, new Map(Object.entries(record)));
        }
        if (mustRead) fields.set('r', true);

        const { logical } = encodeFileEntry({ entry: { ...entry, tags }, mustRead });

        expect(toHex(logical)).toBe(toHex(encode(fields, rfc8949EncodeOptions)));
      }),
      { seed: 52, numRuns: triesOf(100) },
    );
  });

  test('has the same bytes when its texts are frozen, each time that they are written', () => {
    fc.assert(
      fc.property(someFile, (file) => {
        const expected = encodeFileEntry(file).logical;
        const { attributes, userMetadata, tags } = file.entry;
        const frozen = {
          ...file,
          entry: {
            ...file.entry,
            attributes: Object.freeze({ ...attributes }),
            userMetadata: Object.freeze({ ...userMetadata }),
            tags: Object.freeze({ ...tags }),
          },
        };
        for (let time = 0; time < 3; time += 1) expect(encodeFileEntry(frozen).logical).toEqual(expected);
        expect(isEntryOf(encodeFileEntry(frozen), frozen.entry)).toBe(!file.mustRead);
      }),
      { seed: 55, numRuns: triesOf(60) },
    );
  });

  test('comes back as it was among others whose texts are alike', () => {
    const alike = [{}, { a: '' }, { a: 'b' }, { a: 'b', c: 'd' }, { c: 'b' }, { ['__proto__']: 'b' }].map(
      (record) => Object.fromEntries(Object.entries(record)),
    );
    fc.assert(
      fc.property(
        fc.array(fc.record({ attributes: fc.constantFrom(...alike), tags: fc.constantFrom(...alike) })),
        (facts) => {
          const files = facts.map((some) => ({ ...plain, entry: { ...plain.entry, ...some } }));
          expect(files.map((file) => decodeFileEntry(encodeFileEntry(file), 'page'))).toEqual(files);
        },
      ),
      { seed: 57, numRuns: triesOf(60) },
    );
  });

  test('is recognised by what was listed, and only while nothing of it differs', () => {
    const entry = encodeFileEntry(plain);

    expect(isEntryOf(entry, { ...plain.entry })).toBe(true);
    expect(isEntryOf(entry, { ...plain.entry, changeToken: 'y' })).toBe(false);
    expect(isEntryOf(entry, { ...plain.entry, attributes: { mode: '0644' } })).toBe(false);
    expect(isEntryOf(encodeFileEntry({ ...plain, mustRead: true }), plain.entry)).toBe(false);
  });

  test('says from which point it was carried', () => {
    const carried = { ...plain, carriedFrom: '20260101T000000Z-0011223344556677' as PointId };

    expect(decodeFileEntry(encodeFileEntry(carried), 'page')).toEqual(carried);
  });

  test('has the bytes that the format says', () => {
    const { key, logical, location } = encodeFileEntry({
      entry: { ...plain.entry, tags: { zz: '1', b: '2' }, attributes: { mode: '644' } },
      mustRead: true,
    });

    expect(toHex(key)).toBe('016100');
    expect(toHex(logical)).toBe(
      [
        'a7',
        '6161 a1 646d6f6465 63363434',
        '6163 6178',
        '616b 666f626a656374',
        '616d f93e00',
        '6172 f5',
        '6173 05',
        '6174 a2 6162 6132 627a7a 6131',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
    expect(location).toHaveLength(0);
  });

  test('has a whole time as an integer', () => {
    const { logical } = encodeFileEntry({
      ...plain,
      entry: { ...plain.entry, modifiedMs: 1_700_000_000_000 },
    });

    expect(toHex(logical)).toContain('616d1b0000018bcfe56800');
  });

  test.each([{ size: -1 }, { size: 1.5 }, { modifiedMs: Number.NaN }, { modifiedMs: Infinity }])(
    'is refused with %j',
    (wrong) => {
      expect(() => encodeFileEntry({ ...plain, entry: { ...plain.entry, ...wrong } })).toThrow(
        InvalidInputError,
      );
    },
  );

  test.each([
    ['no bytes', ''],
    ['no map', '01'],
    ['bytes left over', `${toHex(encode({ k: 'file', s: 1, m: 1, c: '' }))}00`],
    ['an unknown field', { k: 'file', s: 1, m: 1, c: '', q: 1 }],
    ['an unknown kind', { k: 'socket', s: 1, m: 1, c: '' }],
    ['a negative size', { k: 'file', s: -1, m: 1, c: '' }],
    ['no size', { k: 'file', m: 1, c: '' }],
    ['a time that is text', { k: 'file', s: 1, m: '1', c: '' }],
    ['no change token', { k: 'file', s: 1, m: 1 }],
    ['tags that are a list', { k: 'file', s: 1, m: 1, c: '', t: ['a'] }],
    ['a tag that is a number', { k: 'file', s: 1, m: 1, c: '', t: { a: 1 } }],
    ['tags that are empty', { k: 'file', s: 1, m: 1, c: '', t: {} }],
    ['a flag that is false', { k: 'file', s: 1, m: 1, c: '', r: false }],
    ['a point id that is a number', { k: 'file', s: 1, m: 1, c: '', v: 1 }],
    ['a key of a map that comes twice', 'a4617301617301616360616b6466696c65'],
  ])('is refused with %s', (_, content) => {
    const logical = typeof content === 'string' ? fromHex(content) : encode(content);

    expect(() => decodeFileEntry({ ...encodeFileEntry(plain), logical }, 'page')).toThrow(
      StoredBytesDamagedError,
    );
  });

  test('is refused, or read, after any change of its bytes', () => {
    fc.assert(
      fc.property(someFile, fc.nat(), fc.nat(255), fc.nat(255), (file, at, first, second) => {
        const entry = encodeFileEntry(file);
        entry.logical[at % entry.logical.length] = first;
        entry.logical[(at + 1) % entry.logical.length] = second;

        try {
          expect(decodeFileEntry(entry, 'page').entry.path).toEqual(file.entry.path);
        } catch (error) {
          expect(error).toBeInstanceOf(StoredBytesDamagedError);
        }
      }),
      { seed: 51, numRuns: triesOf(500) },
    );
  });

  test('has its texts read as they are behind one whose bytes end within them', () => {
    const whole = { ...plain, entry: { ...plain.entry, attributes: { mode: '644' } } };
    const entry = encodeFileEntry(whole);
    const { logical } = entry;

    const begin = Buffer.from(logical).indexOf('mode') - 2;
    for (let end = begin; end < begin + 10; end += 1)
      expect(() => decodeFileEntry({ ...entry, logical: logical.slice(0, end) }, 'page')).toThrow(
        StoredBytesDamagedError,
      );

    const reader = new CborReader(logical.subarray(begin));
    expect(reader.texts()).toEqual({ mode: '644' });
  });

  test('is refused under the key of content, and with a location', () => {
    const entry = encodeFileEntry(plain);

    expect(() => decodeFileEntry({ ...entry, key: extentKey(plain.entry.path, 0) }, 'page')).toThrow(
      StoredBytesDamagedError,
    );
    expect(() => decodeFileEntry({ ...entry, location: Uint8Array.of(0) }, 'page')).toThrow(
      StoredBytesDamagedError,
    );
  });
});
