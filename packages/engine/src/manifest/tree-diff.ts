import { compareBytes, equalBytes } from '../bytes.ts';
import type { Entry } from './page-codec.ts';
import { PageLoader } from './page-loader.ts';
import type { PageRef, PageSource } from './page-store.ts';
import { TreeCursor } from './tree-cursor.ts';
import type { KeyRange } from './tuple-key.ts';

/** A key at which two trees differ: `before` is absent for a new entry, `after` for a removed one. */
export interface Difference {
  readonly key: Uint8Array;
  readonly before?: Entry;
  readonly after?: Entry;
}

export interface DiffOptions {
  readonly range?: KeyRange;
  /** Entries with the same logical part and different locations differ, too. @default false */
  readonly locations?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Differences between two trees of one vault, in the order of keys. Pages that both have are not read, so the cost
 * is pages around differences times the height, whatever the size of the trees. Trees whose entries are the same but
 * kept elsewhere have no page in common and are read in full.
 * @throws {@link StoredBytesDamagedError} a page that has to be read is damaged.
 */
export async function* diffTrees(
  source: PageSource,
  before: PageRef | undefined,
  after: PageRef | undefined,
  options: DiffOptions = {},
): AsyncGenerator<Difference> {
  const old = new TreeCursor(new PageLoader(source), before, options.range, options.signal);
  const current = new TreeCursor(new PageLoader(source), after, options.range, options.signal);
  for (;;) {
    const entryBefore = old.entry;
    const entryAfter = current.entry;
    if (old.page !== undefined && old.page.pageId === current.page?.pageId) {
      old.next();
      current.next();
    } else if (entryBefore !== undefined && entryAfter !== undefined) {
      const order = compareBytes(entryBefore.key, entryAfter.key);
      if (order < 0) yield { key: entryBefore.key, before: entryBefore };
      else if (order > 0) yield { key: entryAfter.key, after: entryAfter };
      else if (differ(entryBefore, entryAfter, options.locations ?? false)) {
        yield { key: entryAfter.key, before: entryBefore, after: entryAfter };
      }
      if (order <= 0) old.next();
      if (order >= 0) current.next();
    } else if (entryBefore !== undefined && isBehind(entryBefore.key, current)) {
      yield { key: entryBefore.key, before: entryBefore };
      old.next();
    } else if (entryAfter !== undefined && isBehind(entryAfter.key, old)) {
      yield { key: entryAfter.key, after: entryAfter };
      current.next();
    } else if (old.page === undefined && current.page === undefined) {
      return;
    } else {
      await openTowardsEachOther(old, current);
    }
  }
}

function differ(a: Entry, b: Entry, locations: boolean): boolean {
  return !equalBytes(a.logical, b.logical) || (locations && !equalBytes(a.location, b.location));
}

/** True if the other tree has nothing left at this key or below. */
function isBehind(key: Uint8Array, other: TreeCursor): boolean {
  if (other.page === undefined) return other.entry === undefined || compareBytes(key, other.entry.key) < 0;
  return other.after !== undefined && compareBytes(key, other.after) <= 0;
}

/**
 * Opens the higher of the two pages, or both: equal pages have equal levels, so the two sides can meet only there.
 * A page that lies entirely before the other one is opened alone, as the other may still meet its like.
 */
async function openTowardsEachOther(a: TreeCursor, b: TreeCursor): Promise<void> {
  const { page: pageA } = a;
  const { page: pageB } = b;
  if (pageA === undefined || (pageB !== undefined && isBehind(pageB.lastKey, a))) await b.open();
  else if (pageB === undefined || isBehind(pageA.lastKey, b)) await a.open();
  else if (pageA.level > pageB.level) await a.open();
  else if (pageA.level < pageB.level) await b.open();
  else await Promise.all([a.open(), b.open()]);
}
