import type { OverwriteRule } from '../model/machines/restore-request.ts';
import type { UnkeptCount } from '../restore/unkept-facts.ts';
import type { SourceEntry } from './file-source.ts';

/**
 * `written`: now as the point has it. `same`: it was identical already. `kept`: the target's own was left, and
 * differs from the point, or cannot be told to be the same.
 */
export type WriteOutcome = 'written' | 'kept' | 'same';

/**
 * Content bytes that a target takes at most without asking `shouldStop`: an object that S3 has in one piece can be compared
 * only as a whole, and has no more.
 */
export const longestStretchBytes = 5 * 2 ** 30;

/** A write that is not finished, as one call leaves it to the next. Plain JSON. Nothing of it can be seen in the target. */
export interface BegunWrite {
  /** Content bytes that are done with: whoever goes on gives those behind them. */
  readonly bytes: number;
  /** The target's own, which nobody else reads. */
  readonly state: unknown;
}

/**
 * An entry's content in order, all of it verified. A list: all of it is in memory, and stays as it is until the write has
 * ended. Of a stream a piece stays as it is until the next one is asked for.
 */
export type RestoredContent = AsyncIterable<Uint8Array> | readonly Uint8Array[];

/** Options of a write over several calls. Targets that are written from one process need none of it. */
export interface WriteOptions {
  /** The progress that an earlier call left: the content begins behind its bytes. @default at the beginning */
  readonly from?: BegunWrite | undefined;
  /**
   * Asked before each stretch of content but a call's first, with its size; when true, the write ends there. @default
   * never
   */
  readonly shouldStop?: ((nextBytes: number) => boolean) | undefined;
  /**
   * Told a write's progress before the target has anything of it, now and then, and before it is completed: a
   * repetition goes on from what was told last. Without it, a write that fails leaves nothing behind.
   */
  readonly remember?: ((begun: BegunWrite) => Promise<void>) | undefined;
  /** The path of an entry that was written, of which this one is another name; of targets that link names. */
  readonly sameAs?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The place that a restore writes to. Every path is checked by the target itself: nothing outside it is ever touched,
 * whatever a manifest says.
 *
 * Entries of one restore arrive in the order of their paths, several of them may be under way at once. **Two of them
 * never land in one place**: the later one is refused, the earlier one stays as it is, whatever the rule. Where the
 * names alone say so (`naming`), whoever calls does not offer the later one; where only the target can know, because it
 * takes two names for one (letter case, Unicode forms, dots at the end), the target refuses it.
 */
export interface RestoreTarget {
  /**
   * `tree`: a name is a file or a directory, so that `a` excludes `a/` and all below. `flat`: every name is a place of
   * its own.
   */
  readonly naming: 'flat' | 'tree';
  /** Files can have several names (hard links). @default false: each name becomes a file of its own */
  readonly linksNames?: boolean;
  /**
   * Writes one entry with all its facts.
   * Appears whole or not at all, and can be run again after a failure. What is wrong with one entry only is an error that
   * `concernsOne`, whatever the target's own reason, and leaves nothing behind; every other error ends the restore.
   * @returns what became of it, or how far it is, when it was stopped: another call goes on.
   * @throws {@link RestorePathError} the path cannot be written inside this target, or another entry has its place.
   * @throws {@link TargetEntryError} the target does not take this entry.
   * @throws {@link TargetUnavailableError} the target takes nothing: full, gone, or without rights altogether.
   */
  write(
    entry: SourceEntry,
    content: RestoredContent,
    rule: OverwriteRule,
    options?: WriteOptions,
  ): Promise<WriteOutcome | BegunWrite>;
  /**
   * Writes an entry whose content is in memory, as `write` does, if nothing has to be waited for.
   * @returns `undefined` if it takes `write`: nothing has been done.
   */
  writeAtOnce?(
    entry: SourceEntry,
    content: readonly Uint8Array[],
    rule: OverwriteRule,
  ): WriteOutcome | undefined;
  /**
   * Tells whether an entry would be taken now, as far as can be known without its content. Leaves nothing behind.
   * @throws {@link TargetUnavailableError} the target takes nothing.
   */
  accepts(entry: SourceEntry, rule: OverwriteRule, signal?: AbortSignal): Promise<boolean>;
  /**
   * Ends a shard after its last entry, also after one that failed: directory times and modes, flushes. More entries
   * may be written after it.
   * @returns facts of the entries written since the last call that could not be kept as the point has them.
   */
  finish(): Promise<readonly UnkeptCount[]>;
}
