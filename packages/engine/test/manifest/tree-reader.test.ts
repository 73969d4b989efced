import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes } from '../../src/bytes.ts';
import { StoredBytesDamagedError } from '../../src/errors.ts';
import { PageLoader } from '../../src/manifest/page-loader.ts';
import { TreeReader } from '../../src/manifest/tree-reader.ts';
import { keyAfter, type KeyRange } from '../../src/manifest/tuple-key.ts';
import { walkPages } from '../../src/manifest/walk-pages.ts';
import { MemoryPageStore } from '../../src/testing/memory-page-store.ts';
import { buildTree, collect, highKind, numberEntry, numberKey, numbersOf, testKind } from './trees.ts';

const someNumbers = fc.uniqueArray(fc.nat(500), { maxLength: 150 }).map((list) => list.sort((a, b) => a - b));
const bound = fc.option(
  fc.oneof(
    fc.nat(510).map(numberKey),
    fc.nat(510).map((n) => keyAfter(numberKey(n))),
  ),
  { nil: undefined },
);
const someRange: fc.Arbitrary<KeyRange> = fc.tuple(bound, bound).map(([from, to]) => ({ from, to }));

function isIn(key: Uint8Array, { from, to }: KeyRange): boolean {
  return (
    (from === undefined || compareBytes(key, from) >= 0) && (to === undefined || compareBytes(key, to) < 0)
  );
}

async function open(numbers: readonly number[], kind = highKind) {
  const store = new MemoryPageStore();
  const entries = numbers.map((n) => numberEntry(n, n, (n * 37) & 0xff));
  const root = await buildTree(kind, store, entries);
  return { store, entries, root, reader: new TreeReader(kind, store.source, root) };
}

const manyNumbers = Array.from({ length: 5000 }, (_, n) => n);

describe('a tree', () => {
  test('finds each key that it has and no other', async () => {
    await fc.assert(
      fc.asyncProperty(someNumbers, async (numbers) => {
        const { reader } = await open(numbers);
        const has = new Set(numbers);

        for (let n = 0; n < 505; n += 3) {
          expect(await reader.find(numberKey(n))).toEqual(
            has.has(n) ? numberEntry(n, n, (n * 37) & 0xff) : undefined,
          );
        }
      }),
      { seed: 20, numRuns: 30 },
    );
  });

  test('finds a key by reading one page a level, and its neighbour by reading none', async () => {
    const { store, root, reader } = await open(manyNumbers);

    await reader.find(numberKey(2500));
    const first = store.reads.length;
    await reader.find(numberKey(2500));

    expect(first).toBe(root!.level + 1);
    expect(store.reads).toHaveLength(first);
  });

  test('gives the entries of a range in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        someNumbers,
        someRange,
        fc.integer({ min: 1, max: 20 }),
        async (numbers, range, pagesAhead) => {
          const { reader, entries } = await open(numbers);

          const found = await collect(reader.range(range, { pagesAhead }));

          expect(numbersOf(found)).toEqual(numbersOf(entries.filter(({ key }) => isIn(key, range))));
        },
      ),
      { seed: 21, numRuns: 400 },
    );
  });

  test('reads only the pages of a range, and no page beyond one that the range ends with', async () => {
    const { store, root, reader } = await open(manyNumbers);
    const leaves = await collect(walkPages(new PageLoader(store.source), root, { enter: () => true }));
    const leaf = leaves.filter((page) => 'entries' in page)[40]!;
    const keys = leaf.entries.map(({ key }) => key);
    store.reads.length = 0;

    const found = await collect(reader.range({ from: keys[0]!, to: keyAfter(keys.at(-1)!) }));

    expect(found).toHaveLength(keys.length);
    expect(store.reads).toHaveLength(root!.level + 1);
  });

  test('that is read from its beginning reads a few pages ahead at most', async () => {
    const { store, reader } = await open(manyNumbers);

    for await (const entry of reader.range()) if (numbersOf([entry])[0] === 10) break;
    const early = store.reads.length;
    await collect(reader.range());

    expect(early).toBeLessThan(60);
    expect(store.reads.length).toBeGreaterThan(1000);
  });

  test('gives the entries whose summary is below a limit without reading pages that have none', async () => {
    const { store, entries, reader } = await open(manyNumbers);
    const expected = entries.filter(({ location }) => location[0]! < 2);

    const found = await collect(reader.entriesBelow(2));

    expect(expected.length).toBeGreaterThan(10);
    expect(numbersOf(found)).toEqual(numbersOf(expected));
    expect(store.reads.length).toBeLessThan(400);
    expect(await collect(reader.entriesBelow(0))).toEqual([]);
  });

  test('that is empty has nothing and reads nothing', async () => {
    const { reader, store } = await open([]);

    expect(reader.entries).toBe(0);
    expect(await reader.find(numberKey(1))).toBeUndefined();
    expect(await collect(reader.range())).toEqual([]);
    expect(await collect(reader.entriesBelow(1))).toEqual([]);
    expect(await reader.splitKeys(4)).toEqual([]);
    expect(await reader.listPagePacks()).toEqual(new Set());
    expect(store.reads).toEqual([]);
  });
});

describe('splitting', () => {
  test('cuts a tree into pieces of about the same size without reading a leaf', async () => {
    const { store, root, reader } = await open(manyNumbers, testKind);

    const keys = await reader.splitKeys(10);

    const ends = numbersOf(keys.map((key) => ({ ...numberEntry(0), key })));
    expect(keys).toHaveLength(9);
    for (const [at, end] of ends.entries()) expect(Math.abs(end - 500 * (at + 1))).toBeLessThan(20);
    expect(store.reads.length).toBeLessThan(10 * root!.level + 1);
  });

  test('gives ascending keys of entries, none of them the last, for any tree and number of pieces', async () => {
    await fc.assert(
      fc.asyncProperty(someNumbers, fc.integer({ min: 1, max: 40 }), async (numbers, pieces) => {
        const { reader } = await open(numbers);

        const keys = await reader.splitKeys(pieces);

        const ends = numbersOf(keys.map((key) => ({ ...numberEntry(0), key })));
        expect(ends.length).toBeLessThan(pieces);
        expect([...new Set(ends)].sort((a, b) => a - b)).toEqual(ends);
        expect(ends.every((end) => numbers.includes(end) && end !== numbers.at(-1))).toBe(true);
      }),
      { seed: 22, numRuns: 200 },
    );
  });
});

test('the packs of all pages are listed without reading a leaf', async () => {
  const store = new MemoryPageStore({ pagesPerPack: 40 });
  const root = await buildTree(
    highKind,
    store,
    manyNumbers.map((n) => numberEntry(n)),
  );
  store.seal();
  const leaves = new Set(
    store.writes.filter(({ level }) => level === 0).map(({ pageId }) => pageId as string),
  );

  const packs = await new TreeReader(highKind, store.source, root).listPagePacks();

  expect(packs.size).toBe(Math.ceil(store.writes.length / 40));
  expect(store.reads.some((id) => leaves.has(id))).toBe(false);
});

describe('a page that is not what its reference says', () => {
  test.each([
    ['level', { level: 3 }],
    ['number of entries', { entries: 1 }],
    ['last key', { lastKey: numberKey(7777) }],
    ['summary', { summary: 255 }],
  ])('is refused: %s', async (_, wrong) => {
    const { root, store } = await open(manyNumbers);
    const reader = new TreeReader(highKind, store.source, { ...root!, ...wrong });

    await expect(reader.find(numberKey(1))).rejects.toThrow(StoredBytesDamagedError);
  });
});

test('pages are kept up to a number and the one used longest ago goes first', async () => {
  const store = new MemoryPageStore();
  const roots = await Promise.all([1, 2, 3].map((n) => buildTree(testKind, store, [numberEntry(n)])));
  const loader = new PageLoader(store.source, 2);

  for (const at of [0, 1, 0, 2, 0, 1]) await loader.load(roots[at]!);

  expect(store.reads).toEqual([0, 1, 2, 1].map((at) => roots[at]!.pageId));
});
