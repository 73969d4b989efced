import { equalBytes } from '../bytes.ts';
import type { PackId, PageId } from '../ids.ts';
import { entryKeyOf, firstNotBelow, itemsInRange, lastKeyOf } from './key-search.ts';
import { isLeaf, type Entry } from './page-codec.ts';
import { PageLoader } from './page-loader.ts';
import type { PageRef, PageSource } from './page-store.ts';
import type { TreeKind } from './tree-kind.ts';
import type { KeyRange } from './tuple-key.ts';
import { walkPages, type WalkOptions } from './walk-pages.ts';

/** Pages that are remembered at most, at some 100 bytes each. */
const mostSeen = 500_000;

export type ReadOptions = Pick<WalkOptions, 'pagesAhead' | 'signal'>;

/**
 * Looks things up in a tree. Reads the pages that an answer needs, and no others.
 * Every method throws {@link StoredBytesDamagedError} when a page on its way is damaged.
 */
export class TreeReader {
  readonly #kind: TreeKind;
  readonly #pages: PageLoader;
  readonly #root: PageRef | undefined;
  readonly #skip: ReadonlySet<PageId>;
  /** The tree in errors about its entries, which whoever decodes them throws. */
  readonly name: string;

  /**
   * @param root - `undefined` for a tree without entries.
   * @param skip - pages that `range` and `portions` pass over, with all below them, instead of reading them.
   */
  constructor(
    kind: TreeKind,
    source: PageSource,
    root: PageRef | undefined,
    name = 'a tree',
    skip: ReadonlySet<PageId> = new Set(),
  ) {
    this.name = name;
    this.#skip = skip;
    this.#kind = kind;
    this.#pages = new PageLoader(source);
    this.#root = root;
  }

  get entries(): number {
    return this.#root?.entries ?? 0;
  }

  /** The entry of a key. Keys that are near each other cost few reads. */
  async find(key: Uint8Array, signal?: AbortSignal): Promise<Entry | undefined> {
    let ref = this.#root;
    while (ref !== undefined) {
      const page = await this.#pages.load(ref, signal);
      if (isLeaf(page)) {
        const entry = page.entries[firstNotBelow(page.entries, key, entryKeyOf)];
        return entry !== undefined && equalBytes(entry.key, key) ? entry : undefined;
      }
      ref = page.children[firstNotBelow(page.children, key, lastKeyOf)];
    }
    return undefined;
  }

  /** Entries of a range in the order of keys, reading some pages ahead. */
  async *range(range: KeyRange = {}, options: ReadOptions = {}): AsyncGenerator<Entry> {
    for await (const entries of this.portions(range, options)) yield* entries;
  }

  /** The same, page by page: for callers that read many entries and do little with each. */
  async *portions(range: KeyRange = {}, options: ReadOptions = {}): AsyncGenerator<readonly Entry[]> {
    const enter = (ref: PageRef): boolean => !this.#skip.has(ref.pageId);
    for await (const page of walkPages(this.#pages, this.#root, { ...options, range, enter })) {
      if (!isLeaf(page)) continue;
      const { start, end } = itemsInRange(page, range);
      yield page.entries.slice(start, end);
    }
  }

  /** Entries of a range whose summary is below a limit, in the order of keys. Reads only pages that have some. */
  async *entriesBelow(
    limit: number,
    options: ReadOptions & Pick<WalkOptions, 'range'> = {},
  ): AsyncGenerator<Entry> {
    const enter = (ref: PageRef): boolean => ref.summary < limit;
    for await (const page of walkPages(this.#pages, this.#root, { ...options, enter })) {
      if (!isLeaf(page)) continue;
      const { start, end } = itemsInRange(page, options.range ?? {});
      for (const entry of page.entries.slice(start, end))
        if (this.#kind.summaryOf(entry) < limit) yield entry;
    }
  }

  /**
   * Entries of the pages that are not in `seen`, which gets their ids: read one tree after the other, trees that share
   * pages give each entry once, at the cost of what they do not share. Of pages beyond {@link mostSeen} some are read again.
   * @param options.range - pages that have nothing of it are passed over; of the others all entries come.
   */
  async *unseenEntries(
    seen: Set<PageId>,
    options: ReadOptions & Pick<WalkOptions, 'range'> = {},
  ): AsyncGenerator<Entry> {
    const enter = (ref: PageRef): boolean => {
      if (seen.has(ref.pageId)) return false;
      if (seen.size < mostSeen) seen.add(ref.pageId);
      return true;
    };
    for await (const page of walkPages(this.#pages, this.#root, { ...options, enter })) {
      if (isLeaf(page)) yield* page.entries;
    }
  }

  /**
   * Keys that cut the tree into about equal numbers of entries: each is the last key of its piece, ascending, at
   * most `pieces - 1` of them. No leaf is cut or read, so pieces are exact to half a leaf and small trees have fewer.
   * @param options.first - with `most`, which of the cuts, from 0. Two parts of them may meet in one key. @default all
   */
  async splitKeys(
    pieces: number,
    {
      first = 0,
      most = pieces,
      signal,
    }: ReadOptions & { readonly first?: number; readonly most?: number } = {},
  ): Promise<readonly Uint8Array[]> {
    if (this.#root === undefined) return [];
    const wanted = Array.from(
      { length: Math.max(0, Math.min(pieces - 1, first + most) - first) },
      (_, at) => (this.entries * (first + at + 1)) / pieces,
    );
    const keys: Uint8Array[] = [];
    await this.#splitBelow(this.#root, 0, undefined, wanted, keys, signal);
    return keys;
  }

  /** `before`: entries before the page; `keyBefore`: the last of their keys; `wanted`: entry counts inside the page. */
  async #splitBelow(
    ref: PageRef,
    before: number,
    keyBefore: Uint8Array | undefined,
    wanted: readonly number[],
    keys: Uint8Array[],
    signal?: AbortSignal,
  ): Promise<void> {
    if (ref.level === 0) {
      for (const count of wanted) {
        const key = count - before < ref.entries / 2 ? keyBefore : ref.lastKey;
        if (key === undefined || isSameKey(key, keys.at(-1)) || isSameKey(key, this.#root?.lastKey)) continue;
        keys.push(key);
      }
      return;
    }
    const page = await this.#pages.load(ref, signal);
    if (isLeaf(page)) return;
    let [start, startKey] = [before, keyBefore];
    for (const child of page.children) {
      const end = start + child.entries;
      const inside = wanted.filter((count) => count > start && count <= end);
      if (inside.length > 0) await this.#splitBelow(child, start, startKey, inside, keys, signal);
      [start, startKey] = [end, child.lastKey];
    }
  }

  /** Packs that hold the tree's pages. Reads inner pages only. */
  async listPagePacks(options: ReadOptions = {}): Promise<ReadonlySet<PackId>> {
    const packs = new Set<PackId>();
    if (this.#root === undefined) return packs;
    packs.add(this.#root.location.pack.packId);
    for await (const page of walkPages(this.#pages, this.#root, { ...options, enter: isInner })) {
      if (isLeaf(page)) continue;
      for (const child of page.children) packs.add(child.location.pack.packId);
    }
    return packs;
  }
}

function isInner(ref: PageRef): boolean {
  return ref.level > 0;
}

function isSameKey(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && equalBytes(a, b);
}
