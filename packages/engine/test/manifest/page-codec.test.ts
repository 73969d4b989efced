import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/bytes.ts';
import { FormatVersionError, InvalidInputError, StoredBytesDamagedError } from '../../src/errors.ts';
import type { PackId, PageId } from '../../src/ids.ts';
import {
  decodePage,
  decodePageRef,
  encodeInner,
  encodeLeaf,
  encodePageRef,
  isLeaf,
  type Entry,
} from '../../src/manifest/page-codec.ts';
import type { PageRef } from '../../src/manifest/page-store.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const here = { packId: 'aa'.repeat(16) as PackId };
const elsewhere = { packId: 'bb'.repeat(16) as PackId };

const leafEntries: readonly Entry[] = [
  { key: utf8('abc'), logical: utf8('one'), location: utf8('1') },
  { key: utf8('abd'), logical: new Uint8Array(), location: new Uint8Array() },
  { key: utf8('b'), logical: utf8('three'), location: utf8('3') },
];
const children: readonly PageRef[] = [
  {
    pageId: '11'.repeat(32) as PageId,
    level: 0,
    lastKey: utf8('abd'),
    entries: 2,
    summary: 300,
    location: { pack: here, frame: 0, offset: 40, length: 200 },
  },
  {
    pageId: '22'.repeat(32) as PageId,
    level: 0,
    lastKey: utf8('b'),
    entries: 1,
    summary: 0,
    location: { pack: elsewhere, frame: 7, offset: 70_000, length: 128 },
  },
];
const id1 = '11'.repeat(32);
const id2 = '22'.repeat(32);
/** How the second child lies in another pack. */
const other = `01 ${elsewhere.packId} 07 f0a204 8001`;
const leafHex = hex('01 00 03  00 03 616263 03 6f6e65 01 31  02 01 64 00 00  00 01 62 05 7468726565 01 33');
const innerHex = hex(
  `01 01 02  00 03 616264 23 ${id1} 02 ac02 05 00 00 28 c801  00 01 62 22 ${id2} 01 00 17 ${other}`,
);

function hex(spaced: string): string {
  return spaced.replaceAll(' ', '');
}

describe('the bytes of format version 1', () => {
  test('of a leaf', () => {
    expect(toHex(encodeLeaf(leafEntries))).toBe(leafHex);
  });

  test('of an inner page', () => {
    expect(toHex(encodeInner(1, children, here))).toBe(innerHex);
  });

  test('of a reference that stands by itself', () => {
    const bytes = hex(`01 02 01 62 22 ${id2} 01 00 17 ${other}`);

    expect(toHex(encodePageRef({ ...children[1]!, level: 2 }))).toBe(bytes);
    expect(decodePageRef(fromHex(bytes), 'root')).toEqual({ ...children[1], level: 2 });
  });
});

describe('a page', () => {
  test('comes back as it was', () => {
    const bytes = fc.uint8Array({ maxLength: 12 });
    const entries = fc
      .uniqueArray(fc.record({ key: bytes, logical: bytes, location: bytes }), {
        minLength: 1,
        selector: ({ key }) => toHex(key),
      })
      .map((list) => list.sort((a, b) => Buffer.compare(a.key, b.key)));
    fc.assert(
      fc.property(entries, (list) => {
        const page = decodePage(encodeLeaf(list), here, 'page');

        expect(isLeaf(page) && page.entries.map((entry) => Object.values(entry).map(toHex))).toEqual(
          list.map(({ key, logical, location }) => [key, logical, location].map(toHex)),
        );
      }),
      { seed: 3 },
    );
  });

  test('comes back as it was with long keys that begin alike', () => {
    const part = fc.constantFrom('a'.repeat(900), 'b', 'c'.repeat(2_500), 'd'.repeat(40));
    const keys = fc
      .uniqueArray(
        fc.array(part, { maxLength: 3 }).map((parts) => parts.join('')),
        { minLength: 1, maxLength: 30 },
      )
      .map((list) => list.sort().map(utf8));
    fc.assert(
      fc.property(keys, (list) => {
        const entries = list.map((key) => ({ key, logical: key.subarray(0, 2), location: new Uint8Array() }));
        const page = decodePage(encodeLeaf(entries), here, 'page');

        expect(isLeaf(page) && page.entries.map(({ key }) => toHex(key))).toEqual(list.map(toHex));
      }),
      { seed: 5 },
    );
  });

  test('finds its children in its own pack, and in others by name', () => {
    const page = decodePage(encodeInner(1, children, here), here, 'page');

    expect(page).toEqual({ level: 1, children });
    expect(!isLeaf(page) && page.children[0]?.location.pack).toBe(here);
  });

  test('has the same bytes after its pack got another name', () => {
    const pack = { ...here };
    const inside = children.map((child) => ({ ...child, location: { ...child.location, pack } }));
    const before = encodeInner(1, inside, pack);

    pack.packId = 'cc'.repeat(16) as PackId;

    expect(toHex(encodeInner(1, inside, pack))).toBe(toHex(before));
  });

  test.each([
    ['nothing in it', '01 00 00'],
    ['no bytes', ''],
    ['version 0', '00 00 01'],
    ['a level that no tree has', `01 08 01 ${innerHex.slice(6)}`],
    ['more entries than there are', `01 00 04 ${leafHex.slice(6)}`],
    ['fewer entries than there are', `01 00 02 ${leafHex.slice(6)}`],
    ['2^50 entries', `01 00 8080808080808002 ${leafHex.slice(6)}`],
    ['keys that descend', '01 00 02 00 01 62 00 00 00 01 61 00 00'],
    ['the same key twice', '01 00 02 00 01 61 00 00 01 00 00 00'],
    ['a key that is the beginning of the one before', '01 00 02 00 02 6162 00 00 01 00 00 00'],
    ['a key that shares less than it could', '01 00 02 00 01 61 00 00 00 02 6162 00 00'],
    ['a first key that shares', '01 00 01 01 01 61 00 00'],
    ['a key that shares more than there is', '01 00 02 00 01 61 00 00 02 01 62 00 00'],
    ['a key of 9,000 bytes', `01 00 01 00 a846 ${'61'.repeat(9000)} 00 00`],
    ['a child in its own pack by name', innerHex.replace(`01${'bb'.repeat(16)}`, `01${'aa'.repeat(16)}`)],
    ['a child at an unknown kind of place', innerHex.replace(`01${'bb'.repeat(16)}`, `02${'bb'.repeat(16)}`)],
    ['a child in a frame that no pack has', innerHex.replace('050000', '09008080808010')],
    ['a child without entries', innerHex.replace(`${id1}02`, `${id1}00`)],
    ['a child with too short a reference', innerHex.replace(`23${id1}`, `22${id1}`)],
  ])('with %s is refused', (_, bytes) => {
    expect(() => decodePage(fromHex(hex(bytes)), here, 'page p')).toThrow(StoredBytesDamagedError);
  });

  test('of a later version asks for a newer program', () => {
    expect(() => decodePage(fromHex(`02${leafHex.slice(2)}`), here, 'page p')).toThrow(FormatVersionError);
  });

  test('is refused, or is what an encoder makes, after any change of its bytes', () => {
    const mutation = fc.record({
      at: fc.nat(),
      value: fc.nat(255),
      cut: fc.option(fc.nat()),
      twice: fc.boolean(),
    });
    const original = fc.constantFrom(leafHex, innerHex).map(fromHex);
    fc.assert(
      fc.property(original, fc.array(mutation, { minLength: 1, maxLength: 3 }), (bytes, mutations) => {
        let mutated = Buffer.from(bytes);
        for (const { at, value, cut, twice } of mutations) {
          if (mutated.length > 0) mutated[at % mutated.length] = value;
          if (cut !== null) mutated = mutated.subarray(0, cut % (mutated.length + 1));
          if (twice) mutated = Buffer.concat([mutated, mutated]);
        }
        // A later version is the one other thing that bytes can say.
        if ((mutated[0] ?? 0) > 1) mutated[0] = 1;

        let again: Uint8Array;
        try {
          const page = decodePage(mutated, here, 'page p');
          again = isLeaf(page) ? encodeLeaf(page.entries) : encodeInner(page.level, page.children, here);
        } catch (error) {
          expect(error).toBeInstanceOf(StoredBytesDamagedError);
          return;
        }
        expect(toHex(again)).toBe(toHex(mutated));
      }),
      { seed: 4, numRuns: 5000 },
    );
  });

  test('whose keys would fill the memory is refused', () => {
    const entries = Array.from({ length: 8193 }, (_, n) => {
      const key = new Uint8Array(8192).fill(1);
      key.set([n >> 8, n & 255], 8190);
      return { ...leafEntries[1]!, key };
    });

    const bytes = encodeLeaf(entries);

    expect(bytes.length).toBeLessThan(100_000);
    expect(() => decodePage(bytes, here, 'page p')).toThrow('its keys are too long');
    expect(() => decodePage(encodeLeaf(entries.slice(1)), here, 'page p')).not.toThrow();
    expect(() => encodeLeaf([{ ...leafEntries[0]!, key: new Uint8Array(8193) }])).toThrow(InvalidInputError);
  });
});

describe('a reference that stands by itself', () => {
  test.each(['', '01', '01 08 01 62', `01 02 01 62 22 ${id2} 01 00 04 00 00 01 01`])(
    'is refused when it is "%s"',
    (bytes) => {
      expect(() => decodePageRef(fromHex(hex(bytes)), 'root')).toThrow(StoredBytesDamagedError);
    },
  );
});
