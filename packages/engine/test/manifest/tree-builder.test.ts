import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors.ts';
import type { PackId } from '../../src/ids.ts';
import { decodePage, encodeInner, encodeLeaf, isLeaf, type Entry } from '../../src/manifest/page-codec.ts';
import type { PageRef, PageStore } from '../../src/manifest/page-store.ts';
import { SuspendedTree, TreeBuilder } from '../../src/manifest/tree-builder.ts';
import type { TreeKind } from '../../src/manifest/tree-kind.ts';
import { TreeReader } from '../../src/manifest/tree-reader.ts';
import { MemoryPageStore } from '../../src/testing/memory-page-store.ts';
import {
  buildTree,
  collect,
  highKind,
  joinTrees,
  numberEntry,
  numberKey,
  numbersOf,
  testKind,
} from './trees.ts';

const someNumbers = fc
  .uniqueArray(fc.nat(2000), { maxLength: 150 })
  .map((list) => list.sort((a, b) => a - b));

function entriesOf(numbers: readonly number[]): Entry[] {
  return numbers.map((n) => numberEntry(n, n, n & 0xff));
}

/** The definition of the shape in docs/format.md, section 5, taken literally. */
function shapeByDefinition(kind: TreeKind, entries: readonly Entry[]): unknown {
  interface Node {
    readonly lastKey: Uint8Array;
    readonly shape: unknown;
  }
  const cut = (nodes: readonly Node[], level: number): Node[] => {
    const pages: Node[][] = [[]];
    for (const node of nodes) {
      pages.at(-1)!.push(node);
      if (kind.cutLevelOf(node.lastKey) > level) pages.push([]);
    }
    return pages
      .filter((page) => page.length > 0)
      .map((page) => ({ lastKey: page.at(-1)!.lastKey, shape: page.map(({ shape }) => shape) }));
  };
  let pages: Node[] = entries.map(({ key }) => ({
    lastKey: key,
    shape: numbersOf([{ ...entries[0]!, key }])[0],
  }));
  if (pages.length === 0) return undefined;
  for (let level = 0; level === 0 || pages.length > 1; level++) pages = cut(pages, level);
  return pages[0]!.shape;
}

async function shapeOf(store: PageStore, ref: PageRef | undefined): Promise<unknown> {
  if (ref === undefined) return undefined;
  const page = decodePage(await store.source.read(ref), ref.location.pack, 'page');
  if (isLeaf(page)) return numbersOf(page.entries);
  return Promise.all(page.children.map((child) => shapeOf(store, child)));
}

describe('the shape of a tree', () => {
  test('is what the format says', async () => {
    await fc.assert(
      fc.asyncProperty(someNumbers, fc.constantFrom(testKind, highKind), async (numbers, kind) => {
        const store = new MemoryPageStore();

        const root = await buildTree(kind, store, entriesOf(numbers));

        expect(await shapeOf(store, root)).toEqual(shapeByDefinition(kind, entriesOf(numbers)));
      }),
      { seed: 10, numRuns: 200 },
    );
  });

  test('is the same whether one writer built the tree or many, and however they were put together', async () => {
    const cuts = fc.array(fc.nat(150), { maxLength: 12 }).map((list) => list.sort((a, b) => a - b));
    const nesting = fc.array(fc.boolean(), { minLength: 13, maxLength: 13 });
    await fc.assert(
      fc.asyncProperty(
        someNumbers,
        cuts,
        nesting,
        fc.constantFrom(testKind, highKind),
        async (numbers, at, nest, kind) => {
          const store = new MemoryPageStore();
          const entries = entriesOf(numbers);
          const whole = await buildTree(kind, store, entries);
          const builder = new TreeBuilder(kind, store);

          let pending: PageRef | undefined;
          for (const [i, from] of [0, ...at].entries()) {
            const run = entries.slice(from, Math.max(from, at[i] ?? entries.length));
            const tree = await buildTree(kind, store, run);
            if (nest[i] === true) {
              pending = await joinTrees(kind, store, [pending, tree]);
              continue;
            }
            if (pending !== undefined) await builder.addTree(pending);
            pending = undefined;
            if (i % 2 === 0) for (const entry of run) await builder.add(entry);
            else if (tree !== undefined) await builder.addTree(tree);
          }
          if (pending !== undefined) await builder.addTree(pending);

          expect(await builder.finish()).toEqual(whole);
        },
      ),
      { seed: 11, numRuns: 500 },
    );
  });

  test('has as its root the lowest page that holds everything, even if upper pages have been closed', async () => {
    const store = new MemoryPageStore();
    const kind = { ...testKind, cutLevelOf: () => 5 };

    const one = await buildTree(kind, store, entriesOf([1]));
    const two = await buildTree(kind, store, entriesOf([1, 2]));
    const again = new TreeBuilder(kind, store);
    await again.addTree(two!);

    expect(one?.level).toBe(0);
    expect(two?.level).toBe(5);
    expect(await again.finish()).toEqual(two);
  });
});

test('a tree is the same wherever its builder stopped and another one went on', async () => {
  await fc.assert(
    fc.asyncProperty(someNumbers, fc.integer({ min: 1, max: 20 }), async (numbers, every) => {
      const store = new MemoryPageStore();
      for (const kind of [testKind, highKind]) {
        const expected = await buildTree(kind, store, entriesOf(numbers));
        let builder = new TreeBuilder(kind, store);
        for (const [at, entry] of entriesOf(numbers).entries()) {
          if (at % every === 0) {
            const state: unknown = JSON.parse(JSON.stringify(builder.suspend()));
            builder = TreeBuilder.resume(kind, store, SuspendedTree.parse(state), 'a test');
          }
          await builder.add(entry);
        }

        expect((await builder.finish())?.pageId).toBe(expected?.pageId);
      }
    }),
    { numRuns: 60 },
  );
});

test('trees are joined to the same one wherever the joining stopped', async () => {
  await fc.assert(
    fc.asyncProperty(someNumbers, fc.array(fc.nat(2000), { maxLength: 6 }), async (numbers, cuts) => {
      const store = new MemoryPageStore();
      for (const kind of [testKind, highKind]) {
        const bounds = [0, ...cuts.toSorted((a, b) => a - b), Infinity];
        const pieces = bounds.slice(1).map((to, at) => numbers.filter((n) => n >= bounds[at]! && n < to));
        let builder = new TreeBuilder(kind, store);
        for (const piece of pieces) {
          const tree = await buildTree(kind, store, entriesOf(piece));
          if (tree !== undefined) await builder.addTree(tree);
          builder = TreeBuilder.resume(kind, store, builder.suspend(), 'a test');
        }

        const expected = await buildTree(kind, store, entriesOf(numbers));
        expect((await builder.finish())?.pageId).toBe(expected?.pageId);
      }
    }),
    { numRuns: 100 },
  );
});

describe('joining', () => {
  test('a tree with nothing gives that tree and writes no page', async () => {
    const store = new MemoryPageStore();
    const tree = await buildTree(highKind, store, entriesOf(Array.from({ length: 500 }, (_, n) => n)));
    const written = store.writes.length;

    expect(await joinTrees(highKind, store, [undefined, tree, undefined])).toBe(tree);
    expect(await joinTrees(highKind, store, [undefined])).toBeUndefined();
    expect(store.writes).toHaveLength(written);
  });

  test('large trees reads and writes the pages along the seam only', async () => {
    const store = new MemoryPageStore();
    const entries = entriesOf(Array.from({ length: 20_000 }, (_, n) => n));
    const left = await buildTree(highKind, store, entries.slice(0, 9_999));
    const right = await buildTree(highKind, store, entries.slice(9_999));
    const height = left!.level + 1;
    const written = store.writes.length;

    const joined = await joinTrees(highKind, store, [left, right]);

    expect(joined?.entries).toBe(20_000);
    expect(height).toBeGreaterThan(5);
    expect(store.writes.length - written).toBeLessThanOrEqual(2 * height);
    expect(store.reads.length).toBeLessThanOrEqual(4 * height);
  });

  test('trees that overlap is refused', async () => {
    const store = new MemoryPageStore();
    const a = await buildTree(highKind, store, entriesOf([1, 5]));
    const b = await buildTree(highKind, store, entriesOf([3, 9]));

    await expect(joinTrees(highKind, store, [a, b])).rejects.toThrow(InvalidInputError);
    await expect(joinTrees(highKind, store, [b, a])).rejects.toThrow(InvalidInputError);
  });
});

describe('packs of pages', () => {
  test('can change their names until they are stored', async () => {
    await fc.assert(
      fc.asyncProperty(
        someNumbers,
        fc.integer({ min: 1, max: 9 }),
        fc.nat(150),
        async (numbers, pagesPerPack, at) => {
          const store = new MemoryPageStore({ pagesPerPack });
          const left = await buildTree(highKind, store, entriesOf(numbers.slice(0, at)));
          const right = await buildTree(highKind, store, entriesOf(numbers.slice(at)));
          store.seal();

          const root = await joinTrees(highKind, store, [left, right]);
          store.seal();

          const found = await collect(new TreeReader(highKind, store.source, root).range());
          expect(numbersOf(found)).toEqual(numbers);
        },
      ),
      { seed: 12, numRuns: 200 },
    );
  });

  test('are named in pages of other packs only', async () => {
    const store = new MemoryPageStore({ pagesPerPack: 1000 });

    await buildTree(highKind, store, entriesOf(Array.from({ length: 300 }, (_, n) => n)));

    const inner = store.writes.filter(({ level }) => level > 0);
    const beginningOfNames = Buffer.alloc(15);
    expect(inner.length).toBeGreaterThan(10);
    expect(inner.some(({ bytes }) => Buffer.from(bytes).includes(beginningOfNames))).toBe(false);
  });
});

describe('a builder', () => {
  test('returns promises only when pages close', async () => {
    const builder = new TreeBuilder(testKind, new MemoryPageStore());
    let closed = 0;

    for (const entry of entriesOf(Array.from({ length: 400 }, (_, n) => n))) {
      const done = builder.add(entry);
      if (done !== undefined) closed++;
      await done;
    }

    expect(closed).toBeGreaterThan(50);
    expect(closed).toBeLessThan(150);
  });

  test('refuses entries that are out of order, and calls that overlap', async () => {
    const builder = new TreeBuilder({ ...testKind, cutLevelOf: () => 1 }, new MemoryPageStore());
    const closing = builder.add(numberEntry(2));

    expect(() => builder.add(numberEntry(3))).toThrow('the builder is busy');
    await closing;
    expect(() => builder.add(numberEntry(2))).toThrow(InvalidInputError);
    expect(() => builder.add(numberEntry(1))).toThrow('does not sort after');
  });

  test('does not go on after a page could not be written', async () => {
    const store = new MemoryPageStore();
    const broken: PageStore = {
      source: store.source,
      sink: { add: () => Promise.reject(new RangeError('full')) },
    };
    const builder = new TreeBuilder({ ...testKind, cutLevelOf: () => 1 }, broken);

    await expect(builder.add(numberEntry(1))).rejects.toThrow('full');

    expect(() => builder.finish()).toThrow(InvalidInputError);
  });

  test('sums up entries and the smallest summary', async () => {
    const places = [9, 4, 7, 200, 5, 6, 8, 30];

    const root = await buildTree(
      highKind,
      new MemoryPageStore(),
      places.map((place, n) => numberEntry(n, 0, place)),
    );

    expect(root).toMatchObject({ entries: 8, summary: 4, lastKey: numberKey(7) });
  });
});

test('page ids of format version 1 do not change', async () => {
  const entries = entriesOf(Array.from({ length: 64 }, (_, n) => 31 * n));
  const pack = { packId: '00'.repeat(16) as PackId };

  const root = await buildTree(testKind, new MemoryPageStore(), entries);

  expect(testKind.pageIdOf(encodeLeaf(entries))).toBe(
    'd55da06305c96a89d11198fcbceb1b61d6e54ea15eb0d494a9ef50be8103242f',
  );
  expect(testKind.pageIdOf(encodeInner(3, [root!], pack))).toBe(
    'efe8b7434e29b17d61ae204d38fa4ea0a65636a0ad710a3d4ccd3ec775d590c4',
  );
  expect(entries.map(({ key }) => testKind.cutLevelOf(key)).join('')).toBe(
    '0010000001100010001001000010000110110011100000000000100100011110',
  );
});
