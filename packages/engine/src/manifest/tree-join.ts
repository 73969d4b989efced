import { compareBytes, toHex } from '../bytes.ts';
import { InvalidInputError } from '../errors.ts';
import { isLeaf } from './page-codec.ts';
import type { PageLoader } from './page-loader.ts';
import type { PageRef, PageStore } from './page-store.ts';
import { TreeBuilder } from './tree-builder.ts';
import type { TreeKind } from './tree-kind.ts';

/**
 * Joins trees that workers wrote for ranges that follow each other: the result is the tree that one writer would
 * have built. Reads and writes the pages along each seam, whatever the size of the trees.
 * @param runs - roots by range, ascending; `undefined` where a range has no entries.
 * @returns `undefined` if all are empty.
 * @throws {@link InvalidInputError} two trees overlap or are out of order.
 */
export async function joinTrees(
  kind: TreeKind,
  store: PageStore,
  runs: Iterable<PageRef | undefined> | AsyncIterable<PageRef | undefined>,
  signal?: AbortSignal,
): Promise<PageRef | undefined> {
  const builder = new TreeBuilder(kind, store);
  for await (const run of runs) {
    if (run === undefined) continue;
    const last = builder.lastKey;
    if (last !== undefined) {
      const first = await firstKey(builder.pages, run, signal);
      if (first === undefined || compareBytes(first, last) <= 0) {
        throw new InvalidInputError(
          `a tree that ends at key ${toHex(last)} is followed by one that begins at ${toHex(first ?? run.lastKey)}; ` +
            'join trees of ranges that follow each other',
        );
      }
    }
    await builder.addTree(run, signal);
  }
  return builder.finish(signal);
}

/** Reads the way down to the first leaf: pages that the builder opens next, most of them. */
async function firstKey(
  pages: PageLoader,
  root: PageRef,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  let ref: PageRef | undefined = root;
  while (ref !== undefined) {
    const page = await pages.load(ref, signal);
    if (isLeaf(page)) return page.entries[0]?.key;
    ref = page.children[0];
  }
  return undefined;
}
