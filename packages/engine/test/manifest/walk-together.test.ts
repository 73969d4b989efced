import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { PageLoader } from '../../src/manifest/page-loader.ts';
import type { PageRef, PageSource } from '../../src/manifest/page-store.ts';
import { mergeTree } from '../../src/manifest/tree-merge.ts';
import { walkPages } from '../../src/manifest/walk-pages.ts';
import { walkTogether } from '../../src/manifest/walk-together.ts';
import { MemoryPageStore } from '../../src/testing/memory-page-store.ts';
import { buildTree, collect, highKind, numberEntry, numberKey, numbersOf, wideKind } from './trees.ts';

type Contents = ReadonlyMap<number, number>;

/** A tree, and others that come from it by a few changes each, some of them from nowhere. */
const someTrees: fc.Arbitrary<readonly Contents[]> = fc
  .record({
    first: fc.uniqueArray(fc.nat(300), { maxLength: 200 }),
    edits: fc.array(
      fc.record({
        isNew: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
        changes: fc.array(fc.record({ n: fc.nat(300), change: fc.constantFrom('put', 'remove') }), {
          maxLength: 6,
        }),
      }),
      { maxLength: 7 },
    ),
  })
  .map(({ first, edits }) => {
    const trees: Contents[] = [new Map(first.map((n) => [n, 0]))];
    for (const [at, { isNew, changes }] of edits.entries()) {
      const tree = new Map(isNew ? [] : trees.at(-1));
      for (const { n, change } of changes)
        if (change === 'put') tree.set(n, at + 1);
        else tree.delete(n);
      trees.push(tree);
    }
    return trees;
  });

async function build(contents: readonly Contents[]) {
  const store = new MemoryPageStore();
  const roots: (PageRef | undefined)[] = [];
  for (const tree of contents) {
    const entries = [...tree].sort(([a], [b]) => a - b).map(([n, value]) => numberEntry(n, value));
    roots.push(await buildTree(highKind, store, entries));
  }
  return { store, source: store.source, roots };
}

async function distinctPages(source: PageSource, roots: readonly (PageRef | undefined)[]) {
  const ids = new Set<string>();
  for (const root of roots) {
    if (root !== undefined) ids.add(root.pageId);
    for await (const page of walkPages(new PageLoader(source), root, {}))
      if ('children' in page) for (const child of page.children) ids.add(child.pageId);
  }
  return ids;
}

/** Lines such as `7: 0 in 0,2 | 3 in 1`. */
async function walk(source: PageSource, roots: readonly (PageRef | undefined)[], from = 0, to = 1000) {
  const range = { from: numberKey(from), to: numberKey(to) };
  const lines: string[] = [];
  for (const entries of await collect(walkTogether(source, roots, { range }))) {
    const values = new Map<number, number[]>();
    for (const { entry, trees } of entries) {
      const value = entry.logical[0] as number;
      values.set(
        value,
        [...(values.get(value) ?? []), ...trees].sort((a, b) => a - b),
      );
    }
    lines.push(`${numbersOf([(entries[0] as (typeof entries)[0]).entry])[0]}: ${textOf(values)}`);
  }
  return lines;
}

function textOf(values: ReadonlyMap<number, readonly number[]>): string {
  return [...values]
    .sort(([a], [b]) => a - b)
    .map(([value, trees]) => `${value} in ${trees.join()}`)
    .join(' | ');
}

function naive(contents: readonly Contents[], from = 0, to = 1000): string[] {
  const numbers = new Set(contents.flatMap((tree) => [...tree.keys()]));
  return [...numbers]
    .filter((n) => n >= from && n < to)
    .sort((a, b) => a - b)
    .map((n) => {
      const values = new Map<number, number[]>();
      for (const [at, tree] of contents.entries()) {
        const value = tree.get(n);
        if (value !== undefined) values.set(value, [...(values.get(value) ?? []), at]);
      }
      return `${n}: ${textOf(values)}`;
    });
}

test('a walk through many trees has every entry of each, once for all that share it', async () => {
  await fc.assert(
    fc.asyncProperty(someTrees, async (contents) => {
      const { source, roots } = await build(contents);

      expect(await walk(source, roots)).toEqual(naive(contents));
    }),
  );
});

test('a walk through a range has what is in the range', async () => {
  await fc.assert(
    fc.asyncProperty(someTrees, fc.nat(300), fc.nat(300), async (contents, a, b) => {
      const { source, roots } = await build(contents);
      const [from, to] = [Math.min(a, b), Math.max(a, b)];

      expect(await walk(source, roots, from, to)).toEqual(naive(contents, from, to));
    }),
  );
});

test('a walk reads each page of all trees once', async () => {
  await fc.assert(
    fc.asyncProperty(someTrees, async (contents) => {
      const { store, source, roots } = await build(contents);
      const all = await distinctPages(source, roots);
      store.reads.length = 0;

      await walk(source, roots);

      expect(store.reads.length).toBe(all.size);
      expect(new Set(store.reads)).toEqual(all);
    }),
  );
});

test('thirty trees that differ a little cost little more than one', async () => {
  const store = new MemoryPageStore();
  const first = Array.from({ length: 4_000 }, (_, n) => numberEntry(n));
  const roots = [await buildTree(wideKind, store, first)];
  for (let day = 1; day < 30; day++) {
    const n = (day * 677) % 4_000;
    const changes = [n, n + 1].map((at) => ({ key: numberKey(at), value: numberEntry(at, day) }));
    roots.push(await mergeTree(wideKind, store, roots.at(-1), changes));
  }

  store.reads.length = 0;
  await collect(walkTogether(store.source, roots.slice(0, 1)));
  const ofOne = store.reads.length;
  store.reads.length = 0;
  const entries = await collect(walkTogether(store.source, roots));

  expect(entries.length).toBeGreaterThanOrEqual(4_000);
  // What a day changes is a leaf, and what is above it.
  expect(store.reads.length).toBeLessThanOrEqual(ofOne + 29 * 3);
  // Where all trees have the same page, its entries are gone through once.
  expect(entries.filter((some) => some.length === 1).length).toBeGreaterThan(400);
});
