import * as z from 'zod';
import { compareBytes, fromBase64, toBase64, toHex } from '../bytes.ts';
import { InvalidInputError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import {
  decodePage,
  decodePageRef,
  encodeInner,
  encodeLeaf,
  encodePageRef,
  isLeaf,
  type Entry,
  type Page,
} from './page-codec.ts';
import { PageLoader } from './page-loader.ts';
import type { PageRef, PageStore } from './page-store.ts';
import type { TreeKind } from './tree-kind.ts';

/** The open pages of a builder at rest, in base64. Plain JSON; as large as a page for each level. */
export const SuspendedTree = z.object({
  /** The open leaf, as a page. Absent when it is empty. */
  leaf: z.base64().optional(),
  /** References in the open inner pages, by level; index 0 is not used. */
  children: z.array(z.array(z.base64())),
  tail: z.base64().optional(),
  /** True if the builder wrote the page that is held back: then it is the root if nothing follows. */
  tailWritten: z.boolean().optional(),
  lastKey: z.base64().optional(),
});
export type SuspendedTree = z.infer<typeof SuspendedTree>;

interface OpenedPage {
  readonly ref: PageRef;
  readonly page: Page;
}

/**
 * Builds a tree from entries and whole trees in ascending order of keys. Everything that makes a tree goes through
 * here: first builds, joins of what several workers wrote, merges of changes.
 *
 * The shape depends on the set of keys alone, not on how they came. Pages of trees that were added are kept as they
 * are where that shape has them; at a seam, the pages along it are read and written anew. Memory: the open pages, one
 * a level.
 *
 * Await what `add`, `addTree` and `addPage` return before the next call.
 */
export class TreeBuilder {
  /** Reads pages of the trees that are added, with a small cache that a merge shares. */
  readonly pages: PageLoader;
  readonly #kind: TreeKind;
  readonly #store: PageStore;
  /** The open leaf. */
  #entries: Entry[] = [];
  /** The open inner page of each level; index 0 is not used. */
  readonly #children: PageRef[][] = [[]];
  /**
   * The page at the end, held back until it is known whether anything follows: one of an added tree that stays as it
   * is if nothing does, or one with nothing before it, which is the root then. Open pages of its level and below are
   * empty.
   */
  #tail: PageRef | undefined;
  #lastKey: Uint8Array | undefined;
  #lastWritten: PageRef | undefined;
  #busy = false;
  /**
   * Per level the pages of added trees that were opened last: if a page's content comes back unchanged, so does the
   * page. Two, as a page that is held back closes only after the next one has been opened.
   */
  readonly #opened: (readonly OpenedPage[])[] = [];

  constructor(kind: TreeKind, store: PageStore) {
    this.#kind = kind;
    this.#store = store;
    this.pages = new PageLoader(store.source);
  }

  /**
   * Goes on with a tree that another builder began.
   * @param origin - what errors call the place that the state is from.
   * @throws {@link StoredBytesDamagedError} it is not the state of a builder.
   */
  static resume(kind: TreeKind, store: PageStore, state: SuspendedTree, origin: string): TreeBuilder {
    const builder = new TreeBuilder(kind, store);
    const refOf = (text: string): PageRef => decodePageRef(fromBase64(text), origin);
    if (state.leaf !== undefined) {
      // A leaf refers to no other page, so the pack that it lies in is nobody's.
      const page = decodePage(fromBase64(state.leaf), { packId: '' as PackId }, origin);
      if (isLeaf(page)) builder.#entries = [...page.entries];
    }
    for (const [level, refs] of state.children.entries()) builder.#children[level] = refs.map(refOf);
    if (state.tail !== undefined) builder.#tail = refOf(state.tail);
    if (state.tailWritten === true) builder.#lastWritten = builder.#tail;
    if (state.lastKey !== undefined) builder.#lastKey = fromBase64(state.lastKey);
    return builder;
  }

  /**
   * Takes the state of the builder down for {@link resume}. The sink has to have stored its last pack, and to keep all
   * that it was given. Pages of added trees that are open may be written anew although nothing of them changed, one a
   * level.
   * @throws {@link InvalidInputError} an earlier call has not settled.
   */
  suspend(): SuspendedTree {
    this.#assertIdle();
    return {
      ...(this.#entries.length > 0 && { leaf: toBase64(encodeLeaf(this.#entries)) }),
      // A level that nothing was added to may be a hole.
      children: Array.from(this.#children, (page: PageRef[] | undefined) => (page ?? []).map(textOf)),
      ...(this.#tail && { tail: textOf(this.#tail), tailWritten: this.#tail === this.#lastWritten }),
      ...(this.#lastKey && { lastKey: toBase64(this.#lastKey) }),
    };
  }

  get lastKey(): Uint8Array | undefined {
    return this.#lastKey;
  }

  /**
   * Adds one entry. Returns a promise only when pages have to be written or read.
   * @param closesNone - a leaf of such a tree had the entry before its last one, so its key closes no page.
   * @throws {@link InvalidInputError} the key is not above the last one, or an earlier call has not settled.
   */
  add(entry: Entry, closesNone = false): Promise<void> | undefined {
    this.#advanceTo(entry.key);
    if (this.#tail !== undefined) return this.#alone(this.#addAfterTail(entry));
    const cutLevel = this.#push(entry, closesNone);
    return cutLevel === 0 ? undefined : this.#alone(this.#closeUpTo(cutLevel));
  }

  /**
   * Adds a whole tree, all of whose keys are above the last one: so trees that workers wrote for ranges that follow
   * each other are joined. Costs reading and writing about two pages a level, whatever the size. Its pages have to be
   * readable.
   * @throws {@link InvalidInputError} its first key is not above the last one here, or an earlier call has not settled.
   */
  addTree(root: PageRef, signal?: AbortSignal): Promise<void> {
    const before = this.#lastKey;
    this.#advanceTo(root.lastKey);
    return this.#alone(this.#appendTree(root, before, signal));
  }

  /**
   * Adds a page with what is below it, as {@link addTree}, for a caller that knows the first key to be above the last
   * one: the page may never be read.
   */
  addPage(ref: PageRef, signal?: AbortSignal): Promise<void> {
    this.#advanceTo(ref.lastKey);
    return this.#alone(this.#append(ref, signal));
  }

  /**
   * Tells the builder that the caller adds the content of a page piece by piece. If all of it comes and nothing else
   * between, the page is used again and not written.
   */
  noteOpened(ref: PageRef, page: Page): void {
    this.#opened[ref.level] = [{ ref, page }, ...(this.#opened[ref.level] ?? []).slice(0, 1)];
  }

  /** Writes what is open and returns the root; `undefined` for a tree without entries. The builder is done. */
  finish(signal?: AbortSignal): Promise<PageRef | undefined> {
    this.#assertIdle();
    return this.#alone(this.#finish(signal));
  }

  #advanceTo(key: Uint8Array): void {
    this.#assertIdle();
    assertAfter(key, this.#lastKey);
    this.#lastKey = key;
  }

  #assertIdle(): void {
    if (this.#busy)
      throw new InvalidInputError('the builder is busy; await its last call before the next one');
  }

  async #alone<Result>(work: Promise<Result>): Promise<Result> {
    this.#busy = true;
    // A builder whose page could not be written or read stays busy: what it holds is incomplete.
    const result = await work;
    this.#busy = false;
    return result;
  }

  /** @returns the level that its key closes pages up to. Knowing it already saves most of the work on an entry. */
  #push(entry: Entry, closesNone = false): number {
    this.#entries.push(entry);
    return closesNone ? 0 : this.#kind.cutLevelOf(entry.key);
  }

  async #addAfterTail(entry: Entry): Promise<void> {
    await this.#placeTail();
    await this.#closeUpTo(this.#push(entry));
  }

  async #appendTree(root: PageRef, before: Uint8Array | undefined, signal?: AbortSignal): Promise<void> {
    if (before !== undefined) assertAfter(await this.#firstKey(root, signal), before);
    await this.#append(root, signal);
  }

  /** Reads the way down to the first leaf; at most seams these pages are opened next in any case. */
  async #firstKey(root: PageRef, signal?: AbortSignal): Promise<Uint8Array> {
    let page = await this.pages.load(root, signal);
    while (!isLeaf(page)) page = await this.pages.load(firstOf(page.children), signal);
    return firstOf(page.entries).key;
  }

  async #append(ref: PageRef, signal?: AbortSignal): Promise<void> {
    await this.#placeTail(signal);
    if (!this.#isEmpty(0, ref.level)) {
      await this.#appendContent(ref, signal);
      return;
    }
    const cutLevel = this.#kind.cutLevelOf(ref.lastKey);
    if (cutLevel <= ref.level || this.#isEmpty(ref.level + 1)) {
      this.#tail = ref;
    } else {
      this.#level(ref.level + 1).push(ref);
      await this.#closeUpTo(cutLevel, ref.level + 1);
    }
  }

  async #appendContent(ref: PageRef, signal?: AbortSignal): Promise<void> {
    const page = await this.pages.load(ref, signal);
    this.noteOpened(ref, page);
    if (isLeaf(page)) {
      for (const entry of page.entries) {
        const cutLevel = this.#push(entry, entry !== page.entries.at(-1));
        if (cutLevel > 0) await this.#closeUpTo(cutLevel);
      }
    } else {
      for (const child of page.children) await this.#append(child, signal);
    }
  }

  /** Something follows: a complete page goes into the one above, one that was cut off by its tree's end is opened. */
  async #placeTail(signal?: AbortSignal): Promise<void> {
    while (this.#tail !== undefined) {
      let ref = this.#tail;
      this.#tail = undefined;
      const cutLevel = this.#kind.cutLevelOf(ref.lastKey);
      if (cutLevel <= ref.level) {
        await this.#appendContent(ref, signal);
        continue;
      }
      for (let level = ref.level + 1; level < cutLevel; level++) {
        this.#level(level).push(ref);
        ref = await this.#close(level);
      }
      this.#level(cutLevel).push(ref);
    }
  }

  /** Closes the open pages below a level, from `from` on. */
  async #closeUpTo(cutLevel: number, from = 0): Promise<void> {
    for (let level = from; level < cutLevel; level++) {
      const ref = await this.#close(level);
      if (this.#isEmpty(level + 1)) {
        this.#tail = ref;
        return;
      }
      this.#level(level + 1).push(ref);
    }
  }

  #level(level: number): PageRef[] {
    return (this.#children[level] ??= []);
  }

  /** True if the open pages of these levels, both ends included, are empty. */
  #isEmpty(from: number, to = Infinity): boolean {
    if (from === 0 && this.#entries.length > 0) return false;
    return this.#children.every((page, level) => level < from || level > to || page.length === 0);
  }

  async #close(level: number): Promise<PageRef> {
    const items: readonly (Entry | PageRef)[] = level === 0 ? this.#entries : this.#level(level);
    let ref = this.#opened[level]?.find(({ page }) => consistsOf(page, items))?.ref;
    if (ref === undefined) {
      ref = await (level === 0 ? this.#writeLeaf() : this.#writeInner(level));
      this.#lastWritten = ref;
    }
    if (level === 0) this.#entries = [];
    else this.#children[level] = [];
    return ref;
  }

  async #writeLeaf(): Promise<PageRef> {
    const entries = this.#entries;
    const bytes = encodeLeaf(entries);
    const pageId = this.#kind.pageIdOf(bytes);
    const location = await this.#store.sink.add(() => ({ pageId, level: 0, bytes }));
    let summary = Infinity;
    for (const entry of entries) summary = Math.min(summary, this.#kind.summaryOf(entry));
    return { pageId, level: 0, lastKey: lastOf(entries).key, entries: entries.length, summary, location };
  }

  async #writeInner(level: number): Promise<PageRef> {
    const children = this.#level(level);
    let pageId: PageRef['pageId'] | undefined;
    const location = await this.#store.sink.add((pack) => {
      const bytes = encodeInner(level, children, pack);
      pageId = this.#kind.pageIdOf(bytes);
      return { pageId, level, bytes };
    });
    if (pageId === undefined)
      throw new InvalidInputError('the page sink returned a location without taking the page');
    let entries = 0;
    let summary = Infinity;
    for (const child of children) {
      entries += child.entries;
      summary = Math.min(summary, child.summary);
    }
    return { pageId, level, lastKey: lastOf(children).lastKey, entries, summary, location };
  }

  async #finish(signal?: AbortSignal): Promise<PageRef | undefined> {
    if (this.#tail !== undefined) {
      if (this.#isEmpty(0)) return this.#lowestRoot(this.#tail, signal);
      this.#level(this.#tail.level + 1).push(this.#tail);
      this.#tail = undefined;
    }
    const top = Math.max(
      0,
      this.#children.findLastIndex((page) => page.length > 0),
    );
    for (let level = 0; level < top; level++) {
      if (!this.#isEmpty(level, level)) this.#level(level + 1).push(await this.#close(level));
    }
    return this.#isEmpty(top) ? undefined : this.#close(top);
  }

  /** The lowest page that has all entries below it. One written here is, and may not be readable yet. */
  async #lowestRoot(ref: PageRef, signal?: AbortSignal): Promise<PageRef> {
    if (ref === this.#lastWritten) return ref;
    let root = ref;
    while (root.level > 0) {
      const page = await this.pages.load(root, signal);
      const [child, second] = isLeaf(page) ? [] : page.children;
      if (child === undefined || second !== undefined) break;
      root = child;
    }
    return root;
  }
}

function textOf(ref: PageRef): string {
  return toBase64(encodePageRef(ref));
}

function assertAfter(key: Uint8Array, before: Uint8Array | undefined): void {
  if (before !== undefined && compareBytes(key, before) <= 0) {
    throw new InvalidInputError(
      `key ${toHex(key)} does not sort after ${toHex(before)}; add entries and trees in ascending order, each key once`,
    );
  }
}

function firstOf<Item>(items: readonly Item[]): Item {
  return itemAt(items, 0);
}

function lastOf<Item>(items: readonly Item[]): Item {
  return itemAt(items, -1);
}

function itemAt<Item>(items: readonly Item[], index: number): Item {
  const item = items.at(index);
  if (item === undefined) throw new InvalidInputError('a page without entries cannot be written or read');
  return item;
}

function consistsOf(page: Page, items: readonly (Entry | PageRef)[]): boolean {
  const own: readonly (Entry | PageRef)[] = isLeaf(page) ? page.entries : page.children;
  return own.length === items.length && own.every((item, at) => item === items[at]);
}
