import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/manifest/page-codec.ts';
import type { PageRef } from '../../src/manifest/page-store.ts';
import { diffTrees, type DiffOptions } from '../../src/manifest/tree-diff.ts';
import { MemoryPageStore } from '../../src/testing/memory-page-store.ts';
import { buildTree, collect, highKind, numberEntry, numberKey, testKind, wideKind } from './trees.ts';

type Contents = ReadonlyMap<number, readonly [value: number, place: number]>;

const someContents: fc.Arbitrary<Contents> = fc
  .uniqueArray(fc.tuple(fc.nat(300), fc.nat(2), fc.nat(2)), { selector: ([n]) => n, maxLength: 200 })
  .map((list) => new Map(list.map(([n, value, place]) => [n, [value, place]])));
const someEdits = fc.array(fc.record({ n: fc.nat(300), change: fc.constantFrom('put', 'move', 'remove') }), {
  maxLength: 8,
});

function edit(contents: Contents, edits: readonly { n: number; change: string }[]): Contents {
  const edited = new Map(contents);
  for (const { n, change } of edits) {
    const [value, place] = edited.get(n) ?? [0, 0];
    if (change === 'put') edited.set(n, [value + 1, place]);
    else if (change === 'move') edited.set(n, [value, place + 1]);
    else edited.delete(n);
  }
  return edited;
}

function entriesOf(contents: Contents): Entry[] {
  return [...contents].sort(([a], [b]) => a - b).map(([n, [value, place]]) => numberEntry(n, value, place));
}

/** Lines such as `7: 1/0 → 2/0`. */
function naiveDiff(
  before: Contents,
  after: Contents,
  locations: boolean,
  [from, to] = [0, Infinity],
): string[] {
  const lines: string[] = [];
  for (const n of [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => a - b)) {
    const [a, b] = [before.get(n), after.get(n)];
    const same = a !== undefined && b !== undefined && a[0] === b[0] && (!locations || a[1] === b[1]);
    if (!same && n >= from && n < to) lines.push(`${n}: ${a?.join('/')} → ${b?.join('/')}`);
  }
  return lines;
}

function valueOf(entry: Entry | undefined): string | undefined {
  return entry && `${entry.logical[0]}/${entry.location[0]}`;
}

/** Both ways, over the same two trees. */
async function diffBoth(before: Contents, after: Contents, kind = highKind, options?: DiffOptions) {
  const store = new MemoryPageStore();
  const a = await buildTree(kind, store, entriesOf(before));
  const b = await buildTree(kind, store, entriesOf(after));
  const height = Math.max(a?.level ?? 0, b?.level ?? 0) + 1;
  const compare = async (from: PageRef | undefined, to: PageRef | undefined) => {
    const found = await collect(diffTrees(store.source, from, to, options));
    const lines = found.map(
      (d) => `${Buffer.from(d.key).readUInt32BE()}: ${valueOf(d.before)} → ${valueOf(d.after)}`,
    );
    return { lines, reads: store.reads.splice(0), height };
  };
  return [await compare(a, b), await compare(b, a)] as const;
}

async function diff(before: Contents, after: Contents, kind = highKind, options?: DiffOptions) {
  return (await diffBoth(before, after, kind, options))[0];
}

describe('the difference of two trees', () => {
  test('is what comparing all entries gives, for trees that have little in common', async () => {
    await fc.assert(
      fc.asyncProperty(someContents, someContents, fc.boolean(), async (before, after, locations) => {
        expect((await diff(before, after, highKind, { locations })).lines).toEqual(
          naiveDiff(before, after, locations),
        );
      }),
      { seed: 30, numRuns: 200 },
    );
  });

  test('is what comparing all entries gives, for trees that have much in common', async () => {
    await fc.assert(
      fc.asyncProperty(
        someContents,
        someEdits,
        fc.boolean(),
        fc.constantFrom(highKind, testKind),
        async (before, edits, locations, kind) => {
          const after = edit(before, edits);

          const [there, back] = await diffBoth(before, after, kind, { locations });

          expect(there.lines).toEqual(naiveDiff(before, after, locations));
          expect(back.lines).toEqual(naiveDiff(after, before, locations));
        },
      ),
      { seed: 31, numRuns: 300 },
    );
  });

  test('can be had for a range', async () => {
    await fc.assert(
      fc.asyncProperty(someContents, someEdits, fc.nat(300), fc.nat(300), async (before, edits, from, to) => {
        const after = edit(before, edits);

        const { lines } = await diff(before, after, highKind, {
          range: { from: numberKey(from), to: numberKey(to) },
        });

        expect(lines).toEqual(naiveDiff(before, after, false, [from, to]));
      }),
      { seed: 32, numRuns: 200 },
    );
  });

  test('of equal trees is found without reading', async () => {
    const contents: Contents = new Map(Array.from({ length: 3000 }, (_, n) => [n, [0, 0]]));

    expect((await diff(contents, contents)).reads).toEqual([]);
  });
});

describe('in trees of 20,000 entries', () => {
  const contents: Contents = new Map(Array.from({ length: 20_000 }, (_, n) => [2 * n, [0, 0]]));

  test.each([
    ['one changed value', 'put', [20_000]],
    ['five changed values', 'put', [2, 10_000, 20_000, 30_000, 39_000]],
    ['one new entry', 'put', [20_001]],
    ['one entry less', 'remove', [20_000]],
    ['a new first entry', 'put', [-1]],
    ['a new last entry', 'put', [40_001]],
  ])('%s costs pages in proportion to the change', async (_, change, numbers) => {
    const shifted = new Map([...contents].map(([n, value]) => [n + 1, value] as const));
    const after = edit(
      shifted,
      numbers.map((n) => ({ n: n + 1, change })),
    );

    for (const { lines, reads, height } of await diffBoth(shifted, after, wideKind)) {
      expect(lines).toHaveLength(numbers.length);
      expect(reads.length).toBeLessThanOrEqual(numbers.length * 2 * (height + 3));
    }
  });

  test('a removed half costs the pages of that half', async () => {
    const half = new Map([...contents].filter(([n]) => n < 20_000));

    const { lines, reads, height } = await diff(contents, half, wideKind);

    expect(lines).toHaveLength(10_000);
    expect(reads.length).toBeLessThan((10_000 / 128) * 1.5 + 4 * height);
  });

  test('of different heights the common pages are not read', async () => {
    const few = new Map([...contents].slice(0, 40));

    const { lines, reads, height } = await diff(few, edit(few, [{ n: 2, change: 'put' }]), highKind);
    const grown = await diff(few, contents, highKind);

    expect(lines).toHaveLength(1);
    expect(reads.length).toBeLessThan(4 * height + 4);
    expect(grown.lines).toHaveLength(20_000 - 40);
  });
});
