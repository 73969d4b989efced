import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/bytes.ts';
import { InvalidInputError, StoredBytesDamagedError } from '../../src/errors.ts';
import type { PackId } from '../../src/ids.ts';
import {
  createPackMapKind,
  decodePackMapEntry,
  encodePackMapEntry,
  lockSummary,
  type PackFacts,
  type PackMapEntry,
} from '../../src/manifest/pack-map.ts';
import {
  applyUsage,
  decodeUsage,
  encodeUsage,
  mergeUsage,
  PackUsage,
  type PackDelta,
} from '../../src/manifest/pack-usage.ts';
import { mergeTree } from '../../src/manifest/tree-merge.ts';
import { TreeReader } from '../../src/manifest/tree-reader.ts';
import { MemoryPageStore } from '../../src/testing/memory-page-store.ts';
import { buildTree, collect, testPageKeys } from './trees.ts';

const kind = createPackMapKind(testPageKeys);
const facts: PackFacts = {
  kind: 'chunks',
  retentionClass: 'short',
  lockedUntil: new Date('2026-03-01T00:00:00Z'),
  versionId: 'v1',
};

function packId(n: number): PackId {
  return n.toString(16).padStart(32, '0') as PackId;
}

function packEntry(
  n: number,
  references: number,
  liveBytes: number,
  more: Partial<PackFacts> = {},
): PackMapEntry {
  return { packId: packId(n), references, liveBytes, ...facts, ...more };
}

async function packMap(entries: readonly PackMapEntry[]) {
  const store = new MemoryPageStore();
  const root = await buildTree(kind, store, entries.map(encodePackMapEntry));
  return { store, root, reader: new TreeReader(kind, store.source, root) };
}

describe("a pack's entry", () => {
  test('comes back as it was', () => {
    const entry = fc.record<PackMapEntry>({
      packId: fc.nat().map(packId),
      kind: fc.constantFrom('chunks', 'container'),
      references: fc.integer({ min: 1, max: 2 ** 40 }),
      liveBytes: fc.maxSafeNat(),
      retentionClass: fc.stringMatching(/^[a-z0-9-]{1,32}$/),
      lockedUntil: fc.nat(2 ** 31).map((seconds) => new Date(1000 * seconds)),
      versionId: fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
    });
    fc.assert(
      fc.property(entry, (pack) => {
        expect(decodePackMapEntry(encodePackMapEntry(pack), 'page')).toEqual(pack);
      }),
      { seed: 80, numRuns: 300 },
    );
  });

  test('has the bytes that the format says', () => {
    const { key, logical, location } = encodePackMapEntry(packEntry(255, 300, 5, { kind: 'container' }));

    expect(toHex(key)).toBe(`${'00'.repeat(15)}ff`);
    expect(toHex(logical)).toBe('03ac02050573686f7274');
    expect(toHex(location)).toBe('80838ecd06027631');
  });

  test('may leave the version open, as a container does that names itself', () => {
    const entry = packEntry(1, 1, 5, { kind: 'container', versionId: '' });

    expect(decodePackMapEntry(encodePackMapEntry(entry), 'page').versionId).toBe('');
  });

  test.each([
    { retentionClass: 'Short' },
    { retentionClass: '' },
    { lockedUntil: new Date(1) },
    { lockedUntil: new Date(Number.NaN) },
    { versionId: 'v'.repeat(1025) },
    { references: 0 },
    { packId: 'p' as PackId },
  ])('is refused with %j', (wrong) => {
    expect(() => encodePackMapEntry({ ...packEntry(1, 1, 1), ...wrong })).toThrow(InvalidInputError);
  });

  test.each([
    ['0201050161', '80838ecd06027631'],
    ['0100050161', '80838ecd06027631'],
    ['0101050141', '80838ecd06027631'],
    ['010105016100', '80838ecd06027631'],
    ['0101050161', '80838ecd06037631'],
    ['0101050161', '80838ecd068108'],
    ['0101050161', '80838ecd0602763100'],
    ['0101050161', 'ffffffffffffff0f027631'],
  ])('is refused when it was stored as %s and %s', (logical, location) => {
    const entry = { key: fromHex(packId(1)), logical: fromHex(logical), location: fromHex(location) };

    expect(() => decodePackMapEntry(entry, 'page')).toThrow(StoredBytesDamagedError);
  });
});

test('packs whose lock ends before a date are found by reading few pages', async () => {
  const entries = Array.from({ length: 5000 }, (_, n) => packEntry(n, 1, 1));
  const short = { lockedUntil: new Date('2026-02-01T00:00:00Z') };
  const { store, reader } = await packMap(
    entries.with(77, packEntry(77, 1, 1, short)).with(4000, packEntry(4000, 1, 1, short)),
  );
  const find = (date: string) => collect(reader.entriesBelow(lockSummary(new Date(date))));

  const found = await find('2026-02-01T00:00:00.001Z');

  expect(found.map((entry) => decodePackMapEntry(entry, 'page').packId)).toEqual([packId(77), packId(4000)]);
  expect(store.reads.length).toBeLessThan(6);
  expect(await find('2026-02-01T00:00:00Z')).toEqual([]);
});

describe('deltas', () => {
  const delta: fc.Arbitrary<PackDelta> = fc
    .record({
      n: fc.nat(50),
      references: fc.integer(),
      liveBytes: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
      known: fc.boolean(),
    })
    .map(({ n, references, liveBytes, known }) => ({
      packId: packId(n),
      references,
      liveBytes,
      ...(known && { facts }),
    }));
  const run = fc
    .uniqueArray(delta, { selector: (item) => item.packId, maxLength: 30 })
    .map((list) => list.sort((a, b) => (a.packId < b.packId ? -1 : 1)));

  test('come back from their bytes in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(run, fc.integer({ min: 1, max: 5000 }), async (deltas, pieceBytes) => {
        const bytes = encodeUsage(deltas);
        const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, at) =>
          bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes),
        );

        expect(await collect(decodeUsage(pieces, 'run'))).toEqual(deltas);
      }),
      { seed: 81, numRuns: 200 },
    );
  });

  test('of which bytes are missing, left over or changed are refused or read, never anything else', async () => {
    await fc.assert(
      fc.asyncProperty(
        run,
        fc.nat(),
        fc.nat(255),
        fc.constantFrom('cut', 'change', 'add'),
        async (deltas, at, value, how) => {
          let bytes = Buffer.from(encodeUsage(deltas));
          if (how === 'cut') bytes = bytes.subarray(0, at % bytes.length);
          else if (how === 'add') bytes = Buffer.concat([bytes, Buffer.from([value])]);
          else bytes[at % bytes.length] = value;

          const read = collect(decodeUsage([bytes], 'run'));

          if (how === 'change')
            await read.catch((error: unknown) => expect(error).toBeInstanceOf(StoredBytesDamagedError));
          else await expect(read).rejects.toThrow(StoredBytesDamagedError);
        },
      ),
      { seed: 82, numRuns: 500 },
    );
  });

  test('are collected and summed up over workers', async () => {
    const [one, two] = [new PackUsage(), new PackUsage()];
    one.addReference(chunkIn(1, 10));
    one.addReference(chunkIn(1, 20));
    one.removeReference(chunkIn(0, 5));
    two.removeReference(chunkIn(1, 10));
    two.setFacts(packId(1), facts);
    one.setFacts(packId(1), { ...facts, lockedUntil: new Date('2026-04-01T00:00:00Z') });

    const summed = await collect(mergeUsage([one.deltas(), two.deltas()]));

    expect(one.size).toBe(2);
    expect(summed).toEqual([
      { packId: packId(0), references: -1, liveBytes: -5 },
      {
        packId: packId(1),
        references: 1,
        liveBytes: 20,
        facts: { ...facts, lockedUntil: new Date('2026-04-01T00:00:00Z') },
      },
    ]);
  });
});

async function apply(
  entries: readonly PackMapEntry[],
  deltas: readonly PackDelta[],
): Promise<PackMapEntry[]> {
  const { store, root, reader } = await packMap(entries);
  const merged = await mergeTree(kind, store, root, applyUsage(reader, deltas));
  const found = await collect(new TreeReader(kind, store.source, merged).range());
  return found.map((entry) => decodePackMapEntry(entry, 'page'));
}

describe('applying deltas to a pack map', () => {
  test('adds, changes and removes packs', async () => {
    const longer = { ...facts, lockedUntil: new Date('2027-01-01T00:00:00Z'), versionId: 'v2' };
    const after = await apply(
      [packEntry(1, 3, 30), packEntry(2, 1, 10), packEntry(3, 2, 7), packEntry(5, 1, 1)],
      [
        { packId: packId(0), references: 2, liveBytes: 9, facts },
        { packId: packId(1), references: -1, liveBytes: -10 },
        { packId: packId(2), references: -1, liveBytes: -10 },
        { packId: packId(3), references: 0, liveBytes: 0, facts: longer },
        { packId: packId(4), references: 0, liveBytes: 0, facts },
      ],
    );

    expect(after).toEqual([
      packEntry(0, 2, 9),
      packEntry(1, 2, 20),
      packEntry(3, 2, 7, longer),
      packEntry(5, 1, 1),
    ]);
  });

  test('never takes a lock back to an earlier date', async () => {
    const earlier = { ...facts, lockedUntil: new Date('2020-01-01T00:00:00Z') };

    const after = await apply(
      [packEntry(1, 1, 1)],
      [{ packId: packId(1), references: 1, liveBytes: 1, facts: earlier }],
    );

    expect(after).toEqual([packEntry(1, 2, 2)]);
  });

  test.each([
    [{ references: -2, liveBytes: -10 }],
    [{ references: 0, liveBytes: -11 }],
    [{ references: -1, liveBytes: -9 }],
  ])('refuses %j for a pack with one reference to 10 bytes', async (change) => {
    await expect(apply([packEntry(1, 1, 10)], [{ packId: packId(1), ...change }])).rejects.toThrow(
      StoredBytesDamagedError,
    );
  });

  test('refuses a new pack of which nothing is known', async () => {
    await expect(apply([], [{ packId: packId(1), references: 1, liveBytes: 1 }])).rejects.toThrow(
      InvalidInputError,
    );
  });
});

function chunkIn(pack: number, length: number) {
  const location = { packId: packId(pack), frame: 0, offset: 40, length, contentBytes: 100, start: 0 };
  return { plainBytes: 100, location };
}
