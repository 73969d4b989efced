import type { SourceEntryError } from '../errors.ts';
import type { PointWarning, UnreadCounts, UnreadFacts } from './unread-facts.ts';

/**
 * Counts the entries that the point lacks or carries from an earlier point. In roots from before this was recorded,
 * every warning counts as a missing entry, except those that had vanished: better doubted than trusted.
 */
export function unreadOf(facts: UnreadFacts): UnreadCounts {
  const { carried, missing } = unreadAtBackup(facts);
  return { carried, missing: missing + (facts.snapshotsMissing ?? 0) };
}

function unreadAtBackup({ unread, warnings, warningList = [] }: UnreadFacts): UnreadCounts {
  if (unread !== undefined) return unread;
  const vanished = warningList.filter(({ reason }) => reason === 'vanished').length;
  return { carried: 0, missing: Math.max(0, warnings - vanished) };
}

/** True if a point carries or lacks entries. Such a point meets no RPO, and never takes the place of a clean one. */
export function isDegraded(point: UnreadFacts): boolean {
  const { carried, missing } = unreadOf(point);
  return carried + missing > 0;
}

/**
 * Makes a root's note of an entry that was not read.
 * @param unread - absent where the point lacks nothing.
 */
export function warningOf(
  { reason, message }: Pick<SourceEntryError, 'reason' | 'message'>,
  path: string,
  unread?: PointWarning['unread'],
): PointWarning {
  // Readers of format version 1 know four reasons.
  const known = reason === 'left-out' || reason === 'archived' ? 'unreadable' : reason;
  return { path, reason: known, message, ...(unread !== undefined && { unread }) };
}
