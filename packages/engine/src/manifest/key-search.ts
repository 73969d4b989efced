import { compareBytes } from '../bytes.ts';
import type { Page } from './page-codec.ts';
import type { PageRef } from './page-store.ts';
import type { KeyRange } from './tuple-key.ts';

/** Index of the first item whose key is not below `key`; the number of items if there is none. */
export function firstNotBelow<Item>(
  items: readonly Item[],
  key: Uint8Array,
  keyOf: (item: Item) => Uint8Array,
): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && compareBytes(keyOf(item), key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Greatest key `k` such that everything above `k` is at or above `bound`: `bound` itself, but for a bound that is
 * another key's immediate successor that key. With it, ranges that end where a page ends do not touch the next page.
 */
export function floorOf(bound: Uint8Array): Uint8Array {
  return bound.at(-1) === 0 ? bound.subarray(0, -1) : bound;
}

/** Items of a page, as indices `start` to `end` (exclusive), that can hold keys of a range. */
export function itemsInRange(page: Page, range: KeyRange): { readonly start: number; readonly end: number } {
  if (page.level === 0) {
    const { entries } = page as Extract<Page, { readonly level: 0 }>;
    const start = range.from === undefined ? 0 : firstNotBelow(entries, range.from, entryKeyOf);
    return {
      start,
      end:
        range.to === undefined
          ? entries.length
          : Math.max(start, firstNotBelow(entries, range.to, entryKeyOf)),
    };
  }
  const { children } = page as Extract<Page, { readonly children: unknown }>;
  const start = range.from === undefined ? 0 : firstNotBelow(children, range.from, lastKeyOf);
  if (range.to === undefined) return { start, end: children.length };
  const last = firstNotBelow(children, floorOf(range.to), lastKeyOf);
  return { start, end: Math.max(start, Math.min(children.length, last + 1)) };
}

export function entryKeyOf(entry: { readonly key: Uint8Array }): Uint8Array {
  return entry.key;
}

export function lastKeyOf(ref: PageRef): Uint8Array {
  return ref.lastKey;
}
