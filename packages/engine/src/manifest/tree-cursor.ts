import { compareBytes } from '../bytes.ts';
import { floorOf, itemsInRange } from './key-search.ts';
import { isLeaf, type Entry, type Page } from './page-codec.ts';
import type { PageLoader } from './page-loader.ts';
import type { PageRef } from './page-store.ts';
import type { KeyRange } from './tuple-key.ts';

interface Frame {
  readonly page: Page;
  readonly lastKey: Uint8Array;
  next: number;
  readonly end: number;
}

/**
 * A place in a tree that moves forward by whole pages or by entries: at any time it stands before either a page that
 * has not been read, or an entry. Passing a page costs nothing, opening it one read.
 */
export class TreeCursor {
  readonly #pages: PageLoader;
  readonly #range: KeyRange;
  readonly #signal: AbortSignal | undefined;
  readonly #frames: Frame[] = [];
  #root: PageRef | undefined;
  #after: Uint8Array | undefined;
  page: PageRef | undefined;
  /** The entry that the cursor stands before, if any. With neither, the cursor is at the end. */
  entry: Entry | undefined;

  constructor(pages: PageLoader, root: PageRef | undefined, range: KeyRange = {}, signal?: AbortSignal) {
    this.#pages = pages;
    this.#range = range;
    this.#signal = signal;
    this.#root = root;
    this.#settle();
  }

  /** A key that everything from here on is above; `undefined` while nothing is known. */
  get after(): Uint8Array | undefined {
    return this.#after;
  }

  /** Pages that it is inside of. */
  get depth(): number {
    return this.#frames.length;
  }

  /** True unless the cursor stands before an entry that others of its leaf come after, in the range or not. */
  get isLastOfPage(): boolean {
    const frame = this.#frames.at(-1);
    return frame === undefined || !isLeaf(frame.page) || frame.next === frame.page.entries.length - 1;
  }

  canHoldBelow(bound: Uint8Array): boolean {
    return this.#after === undefined || compareBytes(this.#after, floorOf(bound)) < 0;
  }

  isPageInRange(): boolean {
    const { from, to } = this.#range;
    if (this.page === undefined) return false;
    if (to !== undefined && compareBytes(this.page.lastKey, to) >= 0) return false;
    return from === undefined || (this.#after !== undefined && compareBytes(this.#after, floorOf(from)) >= 0);
  }

  next(): void {
    this.#after = this.page?.lastKey ?? this.entry?.key ?? this.#after;
    const frame = this.#frames.at(-1);
    if (frame === undefined) this.#root = undefined;
    else frame.next++;
    this.#settle();
  }

  /** Goes into the page, to what it has of the range. */
  async open(): Promise<Page> {
    const ref = this.page;
    if (ref === undefined) throw new TypeError('the cursor does not stand before a page');
    const page = await this.#pages.load(ref, this.#signal);
    const { start, end } = itemsInRange(page, this.#range);
    if (start > 0)
      this.#after = isLeaf(page) ? page.entries[start - 1]?.key : page.children[start - 1]?.lastKey;
    this.#frames.push({ page, lastKey: ref.lastKey, next: start, end });
    this.#settle();
    return page;
  }

  #settle(): void {
    this.page = undefined;
    this.entry = undefined;
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      if (frame.next < frame.end) {
        if (isLeaf(frame.page)) this.entry = frame.page.entries[frame.next];
        else this.page = frame.page.children[frame.next];
        return;
      }
      this.#frames.pop();
      // Of a leaf, the loader may have left out the last entries.
      this.#after = frame.lastKey;
      const parent = this.#frames.at(-1);
      if (parent === undefined) this.#root = undefined;
      else parent.next++;
    }
    this.page = this.#root;
  }
}
