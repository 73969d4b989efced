import type { SourceEntry } from './file-source.ts';

/** An object of a target, as a listing shows it. */
export type PlacedObject = Pick<SourceEntry, 'path' | 'size' | 'changeToken'>;

/**
 * A bucket that restores write to, as far as it takes to make it equal to a point. Nothing in it is ever lost: an object
 * is hidden behind a delete marker, and stays as an earlier version, whatever lock or hold it has.
 */
export interface TargetBucket {
  /**
   * Lists the current objects whose names begin with one of the prefixes, in the order of the bytes of their names.
   * @param prefixes - ascending by their bytes, and none the beginning of another.
   * @throws {@link TargetUnavailableError} the bucket is not there, or may not be listed.
   */
  list(prefixes: readonly string[], signal?: AbortSignal): AsyncIterable<PlacedObject>;
  /**
   * Checks that what is deleted here stays as an earlier version.
   * @throws {@link TargetUnavailableError} it would be lost, or it is not known.
   */
  checkKeepsVersions(signal?: AbortSignal): Promise<void>;
  /**
   * Hides an object, if it is as it was listed. The store decides, so it holds against other writers as well.
   * @returns `changed` where it is another one now, or none.
   * @throws {@link TargetEntryError} this one is refused.
   * @throws {@link TargetUnavailableError} none can be hidden, or what was there is no version: then all must stop.
   */
  hide(object: PlacedObject, signal?: AbortSignal): Promise<'hidden' | 'changed'>;
}
