import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodePage, isLeaf } from '../../src/manifest/page-codec.ts';
import { countPageBytes, noPageBytes } from '../../src/manifest/page-bytes.ts';
import type { PageRef } from '../../src/manifest/page-store.ts';
import { nothingRewritten, rewritePages } from '../../src/manifest/rewrite-pages.ts';
import { mergeTree } from '../../src/manifest/tree-merge.ts';
import { TreeReader } from '../../src/manifest/tree-reader.ts';
import type { PackId } from '../../src/ids.ts';
import { MemoryPageStore } from '../../src/testing/memory-page-store.ts';
import { buildTree, collect, highKind, numberEntry, numberKey } from './trees.ts';

/** A tree of some levels whose pages lie in several packs, as a few runs leave it. */
async function grownTree(
  store: MemoryPageStore,
  entries: number,
  changed: readonly number[],
): Promise<PageRef> {
  const numbers = Array.from({ length: entries }, (_, n) => n);
  let root = await buildTree(
    highKind,
    store,
    numbers.map((n) => numberEntry(n)),
  );
  store.seal();
  for (const n of changed) {
    const { key, ...value } = numberEntry(n % entries, 7);
    root = await mergeTree(highKind, store, root, [{ key, value }]);
    store.seal();
  }
  return root as PageRef;
}

test('rewriting pages leaves none in the given packs, every entry as it was, and other leaves where they were', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 120 }),
      fc.array(fc.nat(500), { maxLength: 6 }),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(),
      fc.constantFrom(1, 2, 3, 1_000),
      async (entries, changed, pagesPerPack, choice, pagesACall) => {
        const store = new MemoryPageStore({ pagesPerPack });
        const root = await grownTree(store, entries, changed);
        const counted = noPageBytes();
        await countPageBytes(store, root, counted);
        const packs = Object.keys(counted.bytes) as PackId[];
        const dead = new Set(packs.filter((_, at) => ((choice >> (at % 30)) & 1) === 1));

        let state = nothingRewritten();
        let rewritten: PageRef | undefined | 'unfinished';
        for (let calls = 1; ; calls += 1) {
          let asked = 0;
          const shouldStop = () => ++asked >= pagesACall;
          const storePages = async () => Promise.resolve(store.seal());
          rewritten = await rewritePages(highKind, store, root, dead, state, { shouldStop, storePages });
          if (rewritten !== 'unfinished') break;
          expect(calls).toBeLessThan(200);
          state = JSON.parse(JSON.stringify(state)) as typeof state;
        }
        if (rewritten === undefined) throw new Error('no tree');
        store.seal();

        const after = new TreeReader(highKind, store, rewritten);
        expect(await collect(after.range())).toEqual(
          await collect(new TreeReader(highKind, store, root).range()),
        );
        expect([...(await after.listPagePacks())].filter((packId) => dead.has(packId))).toEqual([]);
        expect(rewritten).toMatchObject({ level: root.level, entries: root.entries, summary: root.summary });
        if (dead.size === 0 && pagesACall === 1_000) expect(rewritten).toBe(root);
        const stayed = await leavesOf(store, rewritten);
        for (const [lastKey, packId] of await leavesOf(store, root)) {
          if (!dead.has(packId)) expect(stayed.get(lastKey)).toBe(packId);
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('the bytes of pages are counted by the packs that they lie in', async () => {
  const store = new MemoryPageStore({ pagesPerPack: 5 });
  const root = await grownTree(store, 80, [3, 60]);

  const counted = noPageBytes();
  await countPageBytes(store, root, counted);
  const bytes = new Map(Object.entries(counted.bytes));

  const reader = new TreeReader(highKind, store, root);
  expect(new Set(bytes.keys())).toEqual(await reader.listPagePacks());
  store.reads.length = 0;
  for (const n of Array(80).keys()) await new TreeReader(highKind, store, root).find(numberKey(n));
  const sizes = new Map(store.writes.map((page) => [page.pageId as string, page.bytes.length]));
  const total = [...new Set(store.reads)].reduce((sum, pageId) => sum + (sizes.get(pageId) ?? 0), 0);
  expect([...bytes.values()].reduce((sum, count) => sum + count, 0)).toBe(total);
});

test('pages that are counted over any number of calls are counted once each', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 200 }),
      fc.array(fc.nat(500), { maxLength: 6 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 4 }),
      async (entries, changed, pagesPerPack, pagesACall) => {
        const store = new MemoryPageStore({ pagesPerPack });
        const root = await grownTree(store, entries, changed);
        const atOnce = noPageBytes();
        await countPageBytes(store, root, atOnce);

        let inCalls = noPageBytes();
        for (let calls = 1; !inCalls.isDone; calls += 1) {
          let asked = 0;
          await countPageBytes(store, root, inCalls, () => ++asked >= pagesACall);
          inCalls = JSON.parse(JSON.stringify(inCalls)) as typeof inCalls;
          expect(calls).toBeLessThan(200);
        }

        expect(inCalls.bytes).toEqual(atOnce.bytes);
      },
    ),
    { numRuns: 60 },
  );
});

/** Which pack each leaf lies in, by its last key. */
async function leavesOf(store: MemoryPageStore, root: PageRef): Promise<ReadonlyMap<string, PackId>> {
  const leaves = new Map<string, PackId>();
  const visit = async (ref: PageRef): Promise<void> => {
    if (ref.level === 0) leaves.set(Buffer.from(ref.lastKey).toString('hex'), ref.location.pack.packId);
    const page = decodePage(await store.read(ref), ref.location.pack, 'a test');
    if (!isLeaf(page)) for (const child of page.children) await visit(child);
  };
  await visit(root);
  return leaves;
}
