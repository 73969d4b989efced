import type { UnkeptCount } from '../restore/unkept-facts.ts';
import type { SourceEntry } from './file-source.ts';

/** What to do where the target has something of that name already. */
export type OverwriteRule = 'never' | 'if-different' | 'always';

/** `written`: now as the point has it; `kept`: the target's own was left; `same`: it was identical already. */
export type WriteOutcome = 'written' | 'kept' | 'same';

/**
 * Where a restore writes. Every path is checked by the target itself: nothing outside it is ever touched,
 * whatever a manifest says.
 */
export interface RestoreTarget {
  /**
   * Writes one entry with all its facts; content arrives in order and has been verified.
   * Appears whole or not at all, and can be run again after a failure.
   * @throws {@link RestorePathError} the path cannot be written inside this target.
   * @throws {@link TargetUnavailableError} the target refuses or vanished.
   */
  write(
    entry: SourceEntry,
    content: AsyncIterable<Uint8Array>,
    rule: OverwriteRule,
    signal?: AbortSignal,
  ): Promise<WriteOutcome>;
  /**
   * Called once after the last entry of a shard, also of one that failed: directory times and modes, flushes.
   * @returns what of the entries that were written could not be kept as the point has it.
   */
  finish(): Promise<readonly UnkeptCount[]>;
}
