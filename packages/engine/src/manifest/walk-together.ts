import { compareBytes } from '../bytes.ts';
import type { PageId } from '../ids.ts';
import { forEachConcurrent } from '../map-concurrent.ts';
import type { Entry } from './page-codec.ts';
import { PageLoader, type SelectEntries } from './page-loader.ts';
import type { PageRef, PageSource } from './page-store.ts';
import { TreeCursor } from './tree-cursor.ts';
import type { KeyRange } from './tuple-key.ts';

/** An entry, and the trees that have it, by their places among those that are walked, in no order. */
export interface SharedEntry {
  readonly entry: Entry;
  readonly trees: readonly number[];
}

export interface TogetherOptions {
  readonly range?: KeyRange | undefined;
  /** Asked once for each leaf. @default all of its entries */
  readonly select?: SelectEntries | undefined;
  readonly signal?: AbortSignal | undefined;
}

const pagesAtOnce = 16;
/** Pages kept for each tree: its way from the root. */
const pagesKept = 4;

/**
 * Walks many trees of one vault side by side, in the order of keys. Yields for each key the entries that any of them has:
 * one for all trees that share the page that it is on, more where pages differ, even if only their entries' neighbours do.
 * Each page is read once, however many trees share it, and what is on it is gone through once. Memory: the pages on the way
 * to the current key, of each tree that differs there.
 * @throws {@link StoredBytesDamagedError} a page is damaged.
 */
export async function* walkTogether(
  source: PageSource,
  roots: readonly (PageRef | undefined)[],
  { range, select, signal }: TogetherOptions = {},
): AsyncGenerator<readonly SharedEntry[]> {
  const pages = new PageLoader(source, Math.max(24, pagesKept * roots.length), select);
  let lanes = roots.map((root, tree) => new Lane(new TreeCursor(pages, root, range, signal), tree));
  for (;;) {
    lanes = joinEqual(lanes.filter(({ cursor }) => cursor.page !== undefined || cursor.entry !== undefined));
    if (lanes.length === 0) return;
    const first = findFirst(lanes);
    if (first !== undefined) {
      yield first.map(({ cursor, trees }) => ({ entry: cursor.entry as Entry, trees: [...trees] }));
      for (const lane of first) lanes.push(...lane.next());
    } else
      await forEachConcurrent(toOpen(lanes), pagesAtOnce, async (lane) => {
        lanes.push(...(await lane.open()));
      });
  }
}

/** A way through one tree, and for as long as it is within a page that others have, too, through theirs. */
class Lane {
  readonly cursor: TreeCursor;
  /** Its own, and those of the lanes that follow it. */
  readonly trees: number[];
  /** Lanes that wait before a page that this one goes through, the innermost page last. */
  readonly #following: { readonly lane: Lane; readonly depth: number; readonly treesBefore: number }[] = [];

  constructor(cursor: TreeCursor, tree: number) {
    this.cursor = cursor;
    this.trees = [tree];
  }

  /** Takes in a lane that stands before the same page, until this one is through with that. */
  lead(lane: Lane): void {
    this.#following.push({ lane, depth: this.cursor.depth, treesBefore: this.trees.length });
    this.trees.push(...lane.trees);
  }

  /** @returns lanes that go on by themselves. */
  next(): readonly Lane[] {
    this.cursor.next();
    return this.#letGo();
  }

  /** @returns as {@link next}. */
  async open(): Promise<readonly Lane[]> {
    await this.cursor.open();
    return this.#letGo();
  }

  #letGo(): readonly Lane[] {
    const free: Lane[] = [];
    for (let last = this.#following.at(-1); last !== undefined; last = this.#following.at(-1)) {
      if (this.cursor.depth > last.depth) break;
      this.#following.pop();
      this.trees.length = last.treesBefore;
      free.push(last.lane, ...last.lane.next());
    }
    return free;
  }
}

/** Has one lane go through a page for all that stand before it. */
function joinEqual(lanes: readonly Lane[]): Lane[] {
  const leaders = new Map<PageId, Lane>();
  return lanes.filter((lane) => {
    const { page } = lane.cursor;
    if (page === undefined) return true;
    const leader = leaders.get(page.pageId);
    if (leader === undefined) leaders.set(page.pageId, lane);
    else leader.lead(lane);
    return leader === undefined;
  });
}

/** The lanes that stand before the first key of all; `undefined` while a page may have one before it. */
function findFirst(lanes: readonly Lane[]): readonly Lane[] | undefined {
  let first: Lane[] = [];
  let key: Uint8Array | undefined;
  for (const lane of lanes) {
    const { entry } = lane.cursor;
    if (entry === undefined) continue;
    const order = key === undefined ? -1 : compareBytes(entry.key, key);
    if (order < 0) [first, key] = [[lane], entry.key];
    else if (order === 0) first.push(lane);
  }
  return key === undefined || lanes.some((lane) => mayHoldBefore(lane, key)) ? undefined : first;
}

function mayHoldBefore({ cursor: { page, after } }: Lane, key: Uint8Array): boolean {
  return page !== undefined && (after === undefined || compareBytes(after, key) < 0);
}

/**
 * The highest of the pages that may have the first key: as equal pages have equal levels, no other lane comes to stand
 * before one of these later, but where a page turns out to begin further behind.
 */
function toOpen(lanes: readonly Lane[]): readonly Lane[] {
  let bound: Uint8Array | undefined;
  for (const { cursor } of lanes) {
    const key = cursor.page?.lastKey ?? cursor.entry?.key;
    if (key !== undefined && (bound === undefined || compareBytes(key, bound) < 0)) bound = key;
  }
  const candidates = lanes.filter((lane) => bound !== undefined && mayHoldBefore(lane, bound));
  const level = Math.max(...candidates.map(({ cursor }) => cursor.page?.level ?? 0));
  return candidates.filter(({ cursor }) => cursor.page?.level === level);
}
