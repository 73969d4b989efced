import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/bytes.ts';
import { InvalidInputError, StoredBytesDamagedError } from '../../src/errors.ts';
import type { ChunkId, PackId } from '../../src/ids.ts';
import {
  decodeExtent,
  encodeExtent,
  extentBoundaryBytes,
  extentBytes,
  type Extent,
} from '../../src/manifest/extent.ts';
import { entryKey } from '../../src/manifest/tuple-key.ts';
import type { ChunkReference } from '../../src/packs/chunk-location.ts';

const chunkId = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => toHex(bytes) as ChunkId);
const somePack = fc.constantFrom('0', '1', '2').map((digit) => digit.repeat(32) as PackId);
const most = 8 * 1024 * 1024;
/** A frame's content: what comes before the chunk, the chunk, and what comes behind it. */
const someContent = fc
  .tuple(fc.nat(most - 1), fc.integer({ min: 1, max: most }), fc.nat(most))
  .filter(([before, own, behind]) => before + own + behind <= most || before + behind === 0);
const someChunk: fc.Arbitrary<ChunkReference> = fc
  .record({
    id: chunkId,
    content: fc.oneof(someContent, fc.constant([0, 300, 0] as const)),
    location: fc.record({
      packId: somePack,
      frame: fc.nat(0xffffffff),
      offset: fc.maxSafeNat(),
      length: fc.maxSafeNat(),
    }),
  })
  .map(({ id, content: [start, plainBytes, behind], location }) => ({
    id,
    plainBytes,
    location: { ...location, contentBytes: start + plainBytes + behind, start },
  }));
const someExtent: fc.Arbitrary<Extent> = fc.record({
  path: fc.uint8Array({ maxLength: 10 }).map((bytes) => new Uint8Array(bytes)),
  offset: fc.nat(5000).map((n) => n * extentBoundaryBytes + n),
  chunks: fc.array(someChunk, { minLength: 1, maxLength: 12 }),
});

const path = Uint8Array.of(0x61);
const chunk: ChunkReference = {
  id: 'ab'.repeat(32) as ChunkId,
  plainBytes: 300,
  location: {
    packId: '1'.repeat(32) as PackId,
    frame: 2,
    offset: 40,
    length: 128,
    contentBytes: 300,
    start: 0,
  },
};

describe('a stretch of content', () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(someExtent, (extent) => {
        expect(decodeExtent(encodeExtent(extent), 'page')).toEqual(extent);
      }),
      { seed: 60, numRuns: 300 },
    );
  });

  test('has the bytes that the format says', () => {
    const inOther = {
      ...chunk,
      plainBytes: 1,
      location: { ...chunk.location, packId: '2'.repeat(32) as PackId, start: 7 },
    };

    const { key, logical, location } = encodeExtent({ path, offset: 256, chunks: [chunk, inOther, chunk] });

    expect(toHex(key)).toBe('016100160100');
    expect(toHex(logical)).toBe(`03${chunk.id}ac02${chunk.id}01${chunk.id}ac02`);
    expect(toHex(location)).toBe(
      `02${'1'.repeat(32)}${'2'.repeat(32)}0002288001000102288001ab0207000228800100`,
    );
    expect(extentBytes([chunk, inOther, chunk])).toBe(601);
  });

  test('may end at a multiple of 1 GiB and not cross it', () => {
    const tail = { path, chunks: [chunk] };

    expect(() => encodeExtent({ ...tail, offset: 3 * extentBoundaryBytes - 300 })).not.toThrow();
    expect(() => encodeExtent({ ...tail, offset: 3 * extentBoundaryBytes - 299 })).toThrow(InvalidInputError);
  });

  test.each([
    ['no chunk', []],
    ['1,001 chunks', Array.from({ length: 1001 }, () => chunk)],
    ['an empty chunk', [{ ...chunk, plainBytes: 0 }]],
    ['a chunk above 8 MiB', [{ ...chunk, plainBytes: 8 * 1024 * 1024 + 1 }]],
    ['a frame beyond the last', [{ ...chunk, location: { ...chunk.location, frame: 2 ** 32 } }]],
    ['a malformed chunk id', [{ ...chunk, id: 'ab' as ChunkId }]],
    ['a chunk beyond its frame', [{ ...chunk, location: { ...chunk.location, start: 1 } }]],
    ['a frame above 8 MiB', [{ ...chunk, location: { ...chunk.location, contentBytes: most + 1 } }]],
  ])('is refused with %s', (_, chunks) => {
    expect(() => encodeExtent({ path, offset: 0, chunks })).toThrow(InvalidInputError);
  });

  const id = chunk.id;
  const pack = '1'.repeat(32);
  test.each([
    ['no chunk', '00', '00'],
    ['1,001 chunks', `e907${`${id}01`.repeat(1001)}`, `01${pack}${'0000000000'.repeat(1001)}`],
    ['2^50 chunks', `8080808080808002${id}01`, `01${pack}0002288000`],
    ['an empty chunk', `01${id}00`, `01${pack}0002280100`],
    ['a chunk less', `02${id}01`, `01${pack}00022801000002280100`],
    ['a location less', `02${id}01${id}01`, `01${pack}0002280100`],
    ['bytes left over', `01${id}01ff`, `01${pack}0002280100`],
    ['bytes left over in the location', `01${id}01`, `01${pack}0002280100ff`],
    ['a pack that is not listed', `01${id}01`, `01${pack}0102280100`],
    ['a pack that is not used', `02${id}01${id}01`, `02${pack}${'2'.repeat(32)}00022801000002280100`],
    ['a pack twice', `02${id}01${id}01`, `02${pack}${pack}00022801000102280100`],
    ['packs out of order', `02${id}01${id}01`, `02${pack}${'2'.repeat(32)}01022801000002280100`],
    ['a chunk that begins behind its frame', `01${id}01`, `01${pack}000228010102`],
    ['more packs than chunks', `01${id}01`, `02${pack}${'2'.repeat(32)}0002280100`],
  ])('that was stored with %s is refused', (_, logical, location) => {
    const entry = {
      ...encodeExtent({ path, offset: 0, chunks: [chunk] }),
      logical: fromHex(logical),
      location: fromHex(location),
    };

    expect(() => decodeExtent(entry, 'page')).toThrow(StoredBytesDamagedError);
  });

  test('is refused under the key of a file', () => {
    const entry = { ...encodeExtent({ path, offset: 0, chunks: [chunk] }), key: entryKey(path) };

    expect(() => decodeExtent(entry, 'page')).toThrow('content has the key of a file');
  });

  test('is refused, or means what it says, after any change of its bytes', () => {
    fc.assert(
      fc.property(someExtent, fc.nat(), fc.nat(255), fc.boolean(), (extent, at, value, inLocation) => {
        const entry = encodeExtent(extent);
        const bytes = inLocation ? entry.location : entry.logical;
        bytes[at % bytes.length] = value;

        try {
          expect(encodeExtent(decodeExtent(entry, 'page'))).toEqual(entry);
        } catch (error) {
          expect(error).toBeInstanceOf(StoredBytesDamagedError);
        }
      }),
      { seed: 61, numRuns: 2000 },
    );
  });
});
