import type { PackId, PageId } from '../ids.ts';

/**
 * A pack as references to its pages hold it. The id of a pack that is still being written can change, when its
 * upload is repeated under a new name: so the id is looked at when a reference is encoded, never earlier.
 */
export interface PagePack {
  readonly packId: PackId;
}

/** The place of a page's frame, in the same numbers as a chunk's location. */
export interface PageLocation {
  readonly pack: PagePack;
  readonly frame: number;
  readonly offset: number;
  readonly length: number;
}

/**
 * A page, and with it everything below it: a tree is named by the reference to its root.
 * One that a builder returned is final once the sink has stored its last pack: write it down after that.
 */
export interface PageRef {
  readonly pageId: PageId;
  /** Distance from the leaves; a leaf has 0. */
  readonly level: number;
  /** Greatest key below. */
  readonly lastKey: Uint8Array;
  /** Leaf entries below, at least 1. */
  readonly entries: number;
  /** Smallest summary of the leaf entries below; 0 in trees without summaries. */
  readonly summary: number;
  readonly location: PageLocation;
}

/** A page's plain bytes and their keyed hash. */
export interface EncodedPage {
  readonly pageId: PageId;
  readonly level: number;
  readonly bytes: Uint8Array;
}

/**
 * The pages that tree code reads.
 *
 * An implementation owes this: the bytes have authenticated and hash to `ref.pageId`. Callers read in the order of
 * keys, several pages at a time, and a writer laid them down in that order too: fetching a longer stretch of the pack
 * than the page asked for, and keeping it for the next reads, saves most requests.
 */
export interface PageSource {
  /**
   * The plain bytes of a page, which the caller may keep but not change.
   * @throws {@link StoredBytesDamagedError} they do not authenticate, or are not that page.
   */
  read(ref: PageRef, signal?: AbortSignal): Promise<Uint8Array>;
}

/**
 * The place where tree code writes pages: a sequence of packs, one open at a time.
 *
 * An inner page's bytes name the packs of its children, and a pack that has not been stored has no final name. So a
 * page refers to others in its own pack without naming it, and an implementation owes this:
 * - it decides on the pack first, and calls `encode` with it exactly once; the frame goes into that pack even if
 *   that makes the pack larger than its target;
 * - before it calls `encode` with a pack, every pack that it opened earlier has been stored and keeps its id;
 * - when an upload is repeated under another name, it changes `packId` of that same {@link PagePack} object and
 *   leaves the plain bytes, frame numbers, offsets and lengths as they are;
 * - the location that it returns has that same object as its `pack`.
 * Calls may overlap when two trees are written at once: the sink puts them in order.
 */
export interface PageSink {
  /** Appends one page. Returns a plain value where nothing had to be waited for, which is most of the time. */
  add(encode: (pack: PagePack) => EncodedPage): PageLocation | Promise<PageLocation>;
}

/** Both ends, as joining and merging need them. Pages that the sink has not stored yet need not be readable. */
export interface PageStore {
  readonly source: PageSource;
  readonly sink: PageSink;
}
