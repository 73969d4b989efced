import type { SourceEntryError } from '../errors.ts';
import type { LeftOutFact } from '../protect/left-out.ts';
import type { ByteRange } from './object-store.ts';

/**
 * Facts of one file or object of a source. `path` is the full key or the path below the source's root: any bytes,
 * never interpreted. Everything here goes into the manifest's entry.
 */
export interface SourceEntry {
  readonly path: Uint8Array;
  readonly kind: 'object' | 'file' | 'directory' | 'symlink';
  /** Content bytes; 0 for directories and symbolic links. */
  readonly size: number;
  /** Milliseconds since the epoch, with fractions where the source has them. */
  readonly modifiedMs: number;
  /** Changes whenever the content does: an ETag; for files, size, times and inode number. */
  readonly changeToken: string;
  /**
   * All other facts that a restore brings back, by standard names: for objects the content headers
   * (`content-type`, `cache-control`, …) and `storage-class`; for files `mode`, `uid`, `gid`, and `link-target`.
   */
  readonly attributes: Readonly<Record<string, string>>;
  readonly userMetadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Facts that the source has and does not give. The point says each kind of them once; the manifest does not have them. */
  readonly leftOut?: readonly LeftOutFact[];
}

/** A half-open range of paths: from inclusive, to exclusive; absent = unbounded. */
export interface PathRange {
  readonly from?: Uint8Array;
  readonly to?: Uint8Array;
}

/** An entry whose facts are complete, and its content. */
export interface OpenedEntry {
  readonly entry: SourceEntry;
  /** Pieces in order; a piece is valid until the next one is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
  /** All of the content, where the source has it in memory and gives it away: callers need not ask for pieces then. */
  readonly whole?: Uint8Array;
}

/**
 * A tree of files or objects that is protected: a bucket, a directory.
 *
 * One file that cannot be read is a {@link SourceEntryError}: the caller records it and goes on.
 * A source that cannot be read at all is a {@link SourceUnavailableError}.
 */
export interface FileSource {
  /**
   * Lists entries in the order of their path's bytes. `attributes`, `userMetadata` and `tags` may still be empty, as
   * a listing does not show them, but for an object's `storage-class`; `kind`, `size`, `modifiedMs` and `changeToken`
   * are set.
   * @throws {@link NotSupportedError} what is listed has another order, so that entries could be missed.
   */
  list(range: PathRange, signal?: AbortSignal): AsyncIterable<SourceEntry>;
  /**
   * The same listing where the source answers at once: a promise for each of a million files takes as long as finding
   * them. Absent where it has to wait for answers.
   */
  readonly listNow?: (range: PathRange) => Iterable<SourceEntry>;
  /**
   * Opens exactly the listed state of an entry, all of it or a range.
   * @throws {@link SourceEntryError} it vanished, changed since it was listed, or may not be read.
   */
  open(entry: SourceEntry, range?: ByteRange, signal?: AbortSignal): Promise<OpenedEntry>;
  /**
   * The same for all of an entry where the source answers at once and takes the content into memory; `undefined` for an
   * entry that has to be opened with `open`. Absent where it has to wait for answers.
   */
  readonly openNow?: (entry: SourceEntry) => OpenedEntry | undefined;
  /**
   * Tags of an entry that is otherwise unchanged; a listing shows neither tags nor their changes.
   * Absent where the source has none.
   */
  readonly getTags?: (entry: SourceEntry, signal?: AbortSignal) => Promise<Readonly<Record<string, string>>>;
  /**
   * The obstacle that kept this source's listings so far from showing whatever is at a path, such as a directory on
   * the way to it that may not be read; the source has reported it already. A path that a listing passed without an
   * obstacle is gone. Absent where a listing shows either everything or nothing.
   */
  readonly findObstacle?: (path: Uint8Array) => SourceEntryError | undefined;
  /**
   * Finds a path inside a range at which to cut it in two that are listed at the same time, so that both have entries
   * if that can be told. `undefined` when there is none. Absent where nothing is gained by listing side by side.
   */
  readonly findSplit?: (range: PathRange, signal?: AbortSignal) => Promise<Uint8Array | undefined>;
  /** Time by the clock that `modifiedMs` comes from. */
  now(): Promise<Date>;
}
