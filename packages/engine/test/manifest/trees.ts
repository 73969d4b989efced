import { createHmac } from 'node:crypto';
import { createTreeKind, type TreeKind } from '../../src/manifest/tree-kind.ts';
import type { Entry } from '../../src/manifest/page-codec.ts';
import type { PageRef, PageStore } from '../../src/manifest/page-store.ts';
import { TreeBuilder } from '../../src/manifest/tree-builder.ts';

/** Keys of a vault that exists in tests only. */
export const testPageKeys = {
  pageIdKey: new Uint8Array(32).fill(1),
  pageBoundaryKey: new Uint8Array(32).fill(2),
};

/**
 * A kind of tree with small leaves, so that few entries make several levels. The first byte of the location is the
 * summary.
 */
export const testKind: TreeKind = createTreeKind(
  testPageKeys,
  () => 2,
  ({ location }) => location[0] ?? 0,
);

/** As {@link testKind}, with pages of about four at all levels: high trees of a few hundred entries. */
export const highKind: TreeKind = {
  ...testKind,
  cutLevelOf: (key) => {
    const hash = createHmac('sha256', 'high').update(key).digest().readUInt32BE(0);
    return Math.min(7, Math.floor((31 - Math.clz32(hash & -hash)) / 2));
  },
};

/** Pages of about 128 at all levels, as most real ones. */
export const wideKind: TreeKind = createTreeKind(
  testPageKeys,
  () => 7,
  () => 0,
);

/** Key of a number; keys sort as the numbers do. */
export function numberKey(n: number): Uint8Array {
  const key = Buffer.alloc(4);
  key.writeUInt32BE(n);
  return new Uint8Array(key);
}

/** An entry of a number. */
export function numberEntry(n: number, value = 0, place = 0): Entry {
  return {
    key: numberKey(n),
    logical: Uint8Array.of(value & 0xff, value >> 8),
    location: Uint8Array.of(place),
  };
}

/** Numbers of entries, for comparisons that print well. */
export function numbersOf(entries: Iterable<Entry>): number[] {
  return Array.from(entries, ({ key }) => Buffer.from(key).readUInt32BE());
}

/** Builds a tree entry by entry: what every other way of making it is compared with. */
export async function buildTree(
  kind: TreeKind,
  store: PageStore,
  entries: Iterable<Entry>,
): Promise<PageRef | undefined> {
  const builder = new TreeBuilder(kind, store);
  for (const entry of entries) await builder.add(entry);
  return builder.finish();
}

/** Joins trees whose ranges follow each other. */
export async function joinTrees(
  kind: TreeKind,
  store: PageStore,
  trees: Iterable<PageRef | undefined>,
): Promise<PageRef | undefined> {
  const builder = new TreeBuilder(kind, store);
  for (const tree of trees) if (tree !== undefined) await builder.addTree(tree);
  return builder.finish();
}

/** All items of an iterable. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
