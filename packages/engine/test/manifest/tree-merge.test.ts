import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors.ts';
import type { Entry } from '../../src/manifest/page-codec.ts';
import { TreeBuilder } from '../../src/manifest/tree-builder.ts';
import { mergeInto, mergeTree, type Change } from '../../src/manifest/tree-merge.ts';
import { TreeReader } from '../../src/manifest/tree-reader.ts';
import { keyAfter } from '../../src/manifest/tuple-key.ts';
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
  wideKind,
} from './trees.ts';

interface Edit {
  readonly n: number;
  readonly value?: number;
  readonly clear?: number;
}

const someValues = fc
  .uniqueArray(fc.tuple(fc.nat(300), fc.nat(3)), { selector: ([n]) => n, maxLength: 200 })
  .map((list) => new Map(list));
const someEdits: fc.Arbitrary<Edit[]> = fc
  .uniqueArray(fc.record({ n: fc.nat(320), value: fc.nat(3), clear: fc.nat(40) }, { requiredKeys: ['n'] }), {
    selector: ({ n }) => n,
    maxLength: 20,
  })
  .map((list) => list.sort((a, b) => a.n - b.n));

function entriesOf(values: ReadonlyMap<number, number>): Entry[] {
  return [...values].sort(([a], [b]) => a - b).map(([n, value]) => numberEntry(n, value));
}

function changesOf(edits: readonly Edit[]): Change[] {
  return edits.map(({ n, value, clear }) => ({
    key: numberKey(n),
    ...(value !== undefined && { value: numberEntry(n, value) }),
    ...(clear !== undefined && { clearTo: numberKey(n + clear) }),
  }));
}

function edit(values: ReadonlyMap<number, number>, edits: readonly Edit[]): Map<number, number> {
  const edited = new Map(values);
  for (const { n, clear = 0 } of edits)
    for (let at = n; at < Math.max(n + 1, n + clear); at++) edited.delete(at);
  for (const { n, value } of edits) if (value !== undefined) edited.set(n, value);
  return edited;
}

describe('merging changes into a tree', () => {
  test('gives the tree that is built from the result', async () => {
    await fc.assert(
      fc.asyncProperty(
        someValues,
        someEdits,
        fc.constantFrom(highKind, testKind),
        async (values, edits, kind) => {
          const store = new MemoryPageStore();
          const base = await buildTree(kind, store, entriesOf(values));

          const merged = await mergeTree(kind, store, base, changesOf(edits));

          expect(merged).toEqual(await buildTree(kind, store, entriesOf(edit(values, edits))));
        },
      ),
      { seed: 40, numRuns: 500 },
    );
  });

  test('in ranges by themselves, and joining them, gives the tree that is built from the result', async () => {
    const bounds = fc.uniqueArray(fc.nat(320), { maxLength: 5 }).map((list) => list.sort((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(someValues, someEdits, bounds, fc.boolean(), async (values, edits, at, tight) => {
        const store = new MemoryPageStore();
        const single = edits.map(({ n, value }) => ({ n, value }));
        const base = await buildTree(highKind, store, entriesOf(values));
        const boundKey = (n: number): Uint8Array => (tight ? keyAfter(numberKey(n - 1)) : numberKey(n));

        const runs = [];
        for (const [i, to] of [...at, Infinity].entries()) {
          const from = at[i - 1] ?? -Infinity;
          const range = {
            ...(from > 0 && { from: boundKey(from) }),
            ...(to < Infinity && { to: to > 0 ? boundKey(to) : numberKey(0) }),
          };
          const inside = single.filter(({ n }) => n >= from && n < to);
          runs.push(await mergeTree(highKind, store, base, changesOf(inside), { range }));
        }

        expect(await joinTrees(highKind, store, runs)).toEqual(
          await buildTree(highKind, store, entriesOf(edit(values, single))),
        );
      }),
      { seed: 41, numRuns: 300 },
    );
  });

  test('that change nothing gives the base itself and writes no page', async () => {
    await fc.assert(
      fc.asyncProperty(someValues, fc.array(fc.nat(300)), async (values, touched) => {
        const store = new MemoryPageStore({ pagesPerPack: 7 });
        const base = await buildTree(highKind, store, entriesOf(values));
        store.seal();
        const written = store.writes.length;
        const noChanges = entriesOf(values)
          .filter((_, at) => touched.includes(at))
          .map(({ key, logical, location }) => ({ key, value: { logical, location } }));
        const nothingThere = [{ key: numberKey(1000), clearTo: numberKey(2000) }];

        const merged = await mergeTree(highKind, store, base, [...noChanges, ...nothingThere]);

        expect(merged).toEqual(base);
        expect(store.writes).toHaveLength(written);
      }),
      { seed: 42, numRuns: 200 },
    );
  });

  test('costs pages in proportion to the changes', async () => {
    const store = new MemoryPageStore({ pagesPerPack: 50 });
    const values = new Map(Array.from({ length: 20_000 }, (_, n) => [n, 0]));
    const base = await buildTree(wideKind, store, entriesOf(values));
    store.seal();
    const written = store.writes.length;
    const edits = [{ n: 500, value: 1 }, { n: 10_000 }, { n: 30_000, value: 1 }];

    const merged = await mergeTree(wideKind, store, base, changesOf(edits));
    store.seal();

    expect(written).toBeGreaterThan(120);
    expect(store.writes.length - written).toBeLessThanOrEqual(3 * (base!.level + 1) + 2);
    expect(store.reads.length).toBeLessThanOrEqual(4 * (base!.level + 1) + 2);
    const all = await collect(new TreeReader(wideKind, store.source, merged).range());
    expect(all.map(({ logical }) => logical[0])).toEqual(
      entriesOf(edit(values, edits)).map(({ logical }) => logical[0]),
    );
  });

  test('clears a range without reading the pages that go', async () => {
    const store = new MemoryPageStore();
    const values = new Map(Array.from({ length: 20_000 }, (_, n) => [n, 0]));
    const base = await buildTree(highKind, store, entriesOf(values));

    const merged = await mergeTree(highKind, store, base, [
      { key: numberKey(100), clearTo: numberKey(19_900) },
    ]);

    expect(store.reads.length).toBeLessThan(6 * (base!.level + 1));
    const all = await collect(new TreeReader(highKind, store.source, merged).range());
    expect(numbersOf(all)).toEqual([
      ...Array(100).keys(),
      ...Array.from({ length: 100 }, (_, n) => 19_900 + n),
    ]);
  });

  test('to nothing gives no tree', async () => {
    const store = new MemoryPageStore();
    const base = await buildTree(highKind, store, [numberEntry(1), numberEntry(2)]);

    expect(
      await mergeTree(highKind, store, base, [{ key: numberKey(0), clearTo: numberKey(9) }]),
    ).toBeUndefined();
    expect(await mergeTree(highKind, store, undefined, [{ key: numberKey(0) }])).toBeUndefined();
  });

  test('into a builder that has later keys already is refused', async () => {
    const builder = new TreeBuilder(highKind, new MemoryPageStore());
    await builder.add(numberEntry(5));

    await expect(mergeInto(builder, undefined, [])).rejects.toThrow(InvalidInputError);
    await expect(mergeInto(builder, undefined, [], { range: { from: numberKey(5) } })).rejects.toThrow(
      'merge ranges in order',
    );
    await expect(
      mergeInto(builder, undefined, [], { range: { from: numberKey(6) } }),
    ).resolves.toBeUndefined();
  });

  test('out of order or outside the range is refused', async () => {
    const store = new MemoryPageStore();
    const range = { from: numberKey(5), to: numberKey(9) };
    const merge = (...numbers: number[]) =>
      mergeTree(highKind, store, undefined, changesOf(numbers.map((n) => ({ n, value: 0 }))), { range });

    await expect(merge(6, 6)).rejects.toThrow(InvalidInputError);
    await expect(merge(7, 6)).rejects.toThrow('sort changes by key');
    await expect(merge(4)).rejects.toThrow(InvalidInputError);
    await expect(merge(9)).rejects.toThrow('outside the range');
  });
});
