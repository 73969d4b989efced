import { itemsInRange } from './key-search.ts';
import { isLeaf, type Page } from './page-codec.ts';
import type { PageLoader } from './page-loader.ts';
import type { PageRef } from './page-store.ts';
import type { KeyRange } from './tuple-key.ts';

const defaultPagesAhead = 16;

export interface WalkOptions {
  readonly range?: KeyRange;
  /** Chooses the pages that are visited; what is below the others is passed over as well. @default every page */
  readonly enter?: (ref: PageRef) => boolean;
  /** Most pages being read at a time: starts at 1 and doubles, so that stopping early wastes little. @default 16 */
  readonly pagesAhead?: number;
  readonly signal?: AbortSignal;
}

interface Visit {
  readonly ref: PageRef;
  page?: Promise<Page>;
}

/** Pages of a tree in the order of keys, each inner page before those below it. */
export async function* walkPages(
  pages: PageLoader,
  root: PageRef | undefined,
  options: WalkOptions,
): AsyncGenerator<Page> {
  const { range = {}, enter = () => true, pagesAhead = defaultPagesAhead, signal } = options;
  const stack: Visit[] = root !== undefined && enter(root) ? [{ ref: root }] : [];
  for (let ahead = 1; stack.length > 0; ahead = Math.min(2 * ahead, pagesAhead)) {
    for (const visit of stack.slice(-ahead).reverse()) {
      visit.page ??= startLoad(pages, visit.ref, signal);
    }
    const page = await stack.pop()?.page;
    if (page === undefined) return;
    if (!isLeaf(page)) {
      const { start, end } = itemsInRange(page, range);
      for (const ref of page.children.slice(start, end).reverse()) {
        if (enter(ref)) stack.push({ ref });
      }
    }
    yield page;
  }
}

/** Starts reading a page that may never be asked for: its failure counts only if it is. */
function startLoad(pages: PageLoader, ref: PageRef, signal?: AbortSignal): Promise<Page> {
  const page = pages.load(ref, signal);
  page.catch(() => {});
  return page;
}
