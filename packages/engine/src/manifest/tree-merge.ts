import { compareBytes, equalBytes, toHex } from '../bytes.ts';
import { InvalidInputError } from '../errors.ts';
import type { Entry, EntryValue } from './page-codec.ts';
import type { PageRef, PageStore } from './page-store.ts';
import { TreeBuilder } from './tree-builder.ts';
import { TreeCursor } from './tree-cursor.ts';
import type { TreeKind } from './tree-kind.ts';
import type { KeyRange } from './tuple-key.ts';

/** A change at a key, and perhaps after it. */
export interface Change {
  readonly key: Uint8Array;
  /** The entry's new value; absent: there is no entry of that key any more. */
  readonly value?: EntryValue;
  /**
   * All entries of the base from `key` up to this key (exclusive) go. Changes at keys in between may follow and put
   * new ones there: so a file whose content is new needs no list of the extents that it had.
   */
  readonly clearTo?: Uint8Array;
}

export interface MergeOptions {
  /** Only this range of the base is taken, and only this range may be changed. @default everything */
  readonly range?: KeyRange;
  readonly signal?: AbortSignal;
}

/**
 * Adds a base tree with changes to a builder, in the order of keys. Pages without changes are used as they are, and
 * so are pages whose changes change nothing. Without changes it extracts a range.
 * @param changes - ascending, each key once, inside the range.
 * @throws {@link InvalidInputError} changes are out of order or outside the range, or the range does not begin above
 * what the builder has.
 */
export async function mergeInto(
  builder: TreeBuilder,
  base: PageRef | undefined,
  changes: Iterable<Change> | AsyncIterable<Change>,
  { range = {}, signal }: MergeOptions = {},
): Promise<void> {
  const { lastKey: before } = builder;
  if (before !== undefined && (range.from === undefined || compareBytes(range.from, before) <= 0)) {
    const from = range.from === undefined ? 'the beginning' : toHex(range.from);
    throw new InvalidInputError(
      `a range from ${from} on cannot follow key ${toHex(before)}; merge ranges in order`,
    );
  }
  const cursor = new TreeCursor(builder.pages, base, range, signal);
  let lastKey: Uint8Array | undefined;
  for await (const { key, value, clearTo } of changes) {
    checkOrder(key, lastKey, range);
    lastKey = key;
    await copyBelow(builder, cursor, key, signal);
    const old = cursor.entry !== undefined && equalBytes(cursor.entry.key, key) ? cursor.entry : undefined;
    if (old !== undefined) cursor.next();
    if (clearTo !== undefined) await skipBelow(builder, cursor, clearTo);
    if (value !== undefined)
      await builder.add(isSame(old, value) ? old : { key, logical: value.logical, location: value.location });
  }
  await copyBelow(builder, cursor, undefined, signal);
}

/**
 * The tree that a base becomes by changes.
 * @returns `undefined` if nothing is left.
 * @throws {@link InvalidInputError} changes are out of order or outside the range.
 */
export async function mergeTree(
  kind: TreeKind,
  store: PageStore,
  base: PageRef | undefined,
  changes: Iterable<Change> | AsyncIterable<Change>,
  options: MergeOptions = {},
): Promise<PageRef | undefined> {
  const builder = new TreeBuilder(kind, store);
  await mergeInto(builder, base, changes, options);
  return builder.finish(options.signal);
}

function checkOrder(key: Uint8Array, lastKey: Uint8Array | undefined, { from, to }: KeyRange): void {
  if (lastKey !== undefined && compareBytes(key, lastKey) <= 0) {
    throw new InvalidInputError(
      `change of key ${toHex(key)} comes after ${toHex(lastKey)}; sort changes by key`,
    );
  }
  if (
    (from !== undefined && compareBytes(key, from) < 0) ||
    (to !== undefined && compareBytes(key, to) >= 0)
  ) {
    throw new InvalidInputError(`change of key ${toHex(key)} is outside the range that is merged`);
  }
}

/** Opens what the cursor stands before, so that the builder can use the page again if nothing in it changes. */
async function open(builder: TreeBuilder, cursor: TreeCursor): Promise<void> {
  const ref = cursor.page;
  const page = await cursor.open();
  if (ref !== undefined) builder.noteOpened(ref, page);
}

/** Hands over what the base has below a key: pages as they are where no part of them is at the key or above. */
async function copyBelow(
  builder: TreeBuilder,
  cursor: TreeCursor,
  bound: Uint8Array | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (;;) {
    const { page, entry } = cursor;
    if (entry !== undefined) {
      if (bound !== undefined && compareBytes(entry.key, bound) >= 0) return;
      const closing = builder.add(entry, !cursor.isLastOfPage);
      if (closing !== undefined) await closing;
      cursor.next();
    } else if (page === undefined) {
      return;
    } else if (cursor.isPageInRange() && (bound === undefined || compareBytes(page.lastKey, bound) < 0)) {
      await builder.addPage(page, signal);
      cursor.next();
    } else {
      // A page that may begin at the key has to be opened as well: the key itself may be in it.
      if (bound !== undefined && cursor.after !== undefined && compareBytes(bound, cursor.after) <= 0) return;
      await open(builder, cursor);
    }
  }
}

/** Leaves out what the base has below a key. Pages that go as a whole are not read. */
async function skipBelow(builder: TreeBuilder, cursor: TreeCursor, bound: Uint8Array): Promise<void> {
  for (;;) {
    const { page, entry } = cursor;
    if (
      entry !== undefined
        ? compareBytes(entry.key, bound) < 0
        : page !== undefined && compareBytes(page.lastKey, bound) < 0
    ) {
      cursor.next();
    } else if (page !== undefined && cursor.canHoldBelow(bound)) {
      await open(builder, cursor);
    } else {
      return;
    }
  }
}

function isSame(old: Entry | undefined, value: EntryValue): old is Entry {
  return (
    old !== undefined && equalBytes(old.logical, value.logical) && equalBytes(old.location, value.location)
  );
}
