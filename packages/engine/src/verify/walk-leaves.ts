import { compareBytes } from '../bytes.ts';
import { type BackupError, StoredBytesDamagedError } from '../errors.ts';
import { isLeaf, type Entry, type Page } from '../manifest/page-codec.ts';
import { PageLoader } from '../manifest/page-loader.ts';
import type { PageRef, PageSource } from '../manifest/page-store.ts';
import { isLoss } from './loss.ts';

const pagesAhead = 16;

/** A page that cannot be read, and all entries below: those after `after` up to and with the page's last key. */
export interface LostPage {
  readonly lost: PageRef;
  /** Absent before the first key of the map. */
  readonly after?: Uint8Array;
  readonly error: BackupError;
}

export type Walked = { readonly entries: readonly Entry[] } | LostPage;

interface Visit {
  readonly ref: PageRef;
  page?: Promise<Page>;
}

/**
 * Leaves of a map in the order of keys. A lost page costs the entries below it; the walk goes on behind it.
 * Memory: the pages that are read ahead, and the references of the pages above.
 */
export async function* walkLeaves(
  source: PageSource,
  root: PageRef | undefined,
  signal?: AbortSignal,
): AsyncGenerator<Walked> {
  const loader = new PageLoader(source);
  const stack: Visit[] = root === undefined ? [] : [{ ref: root }];
  let after: Uint8Array | undefined;
  for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
    signal?.throwIfAborted();
    visit.page ??= startLoad(loader, visit.ref, signal);
    for (const next of stack.slice(1 - pagesAhead).reverse())
      next.page ??= startLoad(loader, next.ref, signal);
    const { ref } = visit;
    try {
      const page = await visit.page;
      checkOrder(page, ref, after);
      if (!isLeaf(page)) {
        for (const child of page.children.toReversed()) stack.push({ ref: child });
        continue;
      }
      yield { entries: page.entries };
    } catch (error) {
      if (!isLoss(error)) throw error;
      yield { lost: ref, after, error };
    }
    after = ref.lastKey;
  }
}

/** Keys that lie before those of the page before them would never be found. */
function checkOrder(page: Page, { pageId }: PageRef, after: Uint8Array | undefined): void {
  const first = isLeaf(page) ? page.entries[0]?.key : page.children[0]?.lastKey;
  if (after !== undefined && first !== undefined && compareBytes(first, after) <= 0)
    throw new StoredBytesDamagedError(`page ${pageId}`, 'its keys do not follow those of the page before it');
}

/** Starts reading a page that may never be asked for: its failure counts only if it is. */
function startLoad(loader: PageLoader, ref: PageRef, signal?: AbortSignal): Promise<Page> {
  const page = loader.load(ref, signal);
  page.catch(() => {});
  return page;
}
