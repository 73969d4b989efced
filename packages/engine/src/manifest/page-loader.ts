import { equalBytes } from '../bytes.ts';
import { StoredBytesDamagedError } from '../errors.ts';
import { decodePage, type Entry, isLeaf, type Page } from './page-codec.ts';
import type { PageRef, PageSource } from './page-store.ts';

/** Some entries of a leaf, in their order. */
export type SelectEntries = (entries: readonly Entry[]) => readonly Entry[];

/**
 * Reads pages, checks that they are what their reference says, and keeps the last few: the way from the root to
 * wherever a caller is working is read once.
 */
export class PageLoader {
  readonly #source: PageSource;
  readonly #keep: number;
  readonly #select: SelectEntries | undefined;
  readonly #kept = new Map<string, Page>();

  /**
   * @param keep - pages kept in memory, the least recently used going first.
   * @param select - what leaves are taken to have. @default everything
   */
  constructor(source: PageSource, keep = 24, select?: SelectEntries) {
    this.#select = select;
    this.#source = source;
    this.#keep = keep;
  }

  /** @throws {@link StoredBytesDamagedError} the stored bytes are not that page. */
  async load(ref: PageRef, signal?: AbortSignal): Promise<Page> {
    const { packId } = ref.location.pack;
    // The same page in another pack has the same content, but its children are other frames.
    const name = `page ${ref.pageId} in pack ${packId}`;
    const kept = this.#kept.get(name);
    if (kept !== undefined) {
      this.#kept.delete(name);
      this.#kept.set(name, kept);
      return kept;
    }
    const whole = decodePage(await this.#source.read(ref, signal), ref.location.pack, name);
    checkPage(ref, whole, name);
    const page =
      this.#select !== undefined && isLeaf(whole)
        ? { ...whole, entries: this.#select(whole.entries) }
        : whole;
    this.#kept.set(name, page);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#keep) break;
      this.#kept.delete(oldest);
    }
    return page;
  }
}

/** A page that contradicts its reference would send readers astray without any error. */
function checkPage(ref: PageRef, page: Page, name: string): void {
  let entries = 0;
  let summary = ref.summary;
  let lastKey: Uint8Array | undefined;
  if (isLeaf(page)) {
    entries = page.entries.length;
    lastKey = page.entries.at(-1)?.key;
  } else {
    summary = Infinity;
    for (const child of page.children) {
      entries += child.entries;
      summary = Math.min(summary, child.summary);
    }
    lastKey = page.children.at(-1)?.lastKey;
  }
  const same = page.level === ref.level && entries === ref.entries && summary === ref.summary;
  if (!same || lastKey === undefined || !equalBytes(lastKey, ref.lastKey)) {
    throw new StoredBytesDamagedError(name, 'it is not the page that the reference to it describes');
  }
}
