import type { UnkeptCount } from '../restore/unkept-facts.ts';
import type { SourceEntry } from './file-source.ts';

/** What to do where the target has something of that name already. */
export type OverwriteRule = 'never' | 'if-different' | 'always';

/** `written`: now as the point has it; `same`: it was identical already; `kept`: the target's own was left, and differs from the point, or cannot be told to be the same. */
export type WriteOutcome = 'written' | 'kept' | 'same';

/**
 * Where a restore writes. Every path is checked by the target itself: nothing outside it is ever touched,
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
  /**
   * Writes one entry with all its facts; content arrives in order and has been verified.
   * Appears whole or not at all, and can be run again after a failure. What is wrong with one entry only is an error that
   * `concernsOne`, whatever the target's own reason; every other error ends the restore.
   * @throws {@link RestorePathError} the path cannot be written inside this target, or another entry has its place.
   * @throws {@link TargetEntryError} the target does not take this entry.
   * @throws {@link TargetUnavailableError} the target takes nothing: full, gone, or without rights altogether.
   */
  write(
    entry: SourceEntry,
    content: AsyncIterable<Uint8Array>,
    rule: OverwriteRule,
    signal?: AbortSignal,
  ): Promise<WriteOutcome>;
  /**
   * Whether an entry would not be refused now, as far as can be known without its content. Leaves nothing behind.
   * @throws {@link TargetUnavailableError} the target takes nothing.
   */
  accepts(entry: SourceEntry, rule: OverwriteRule, signal?: AbortSignal): Promise<boolean>;
  /**
   * Called after the last entry of a shard, also of one that failed: directory times and modes, flushes.
   * May be written to again after it.
   * @returns what of the entries that were written since the last call could not be kept as the point has it.
   */
  finish(): Promise<readonly UnkeptCount[]>;
}
