import * as z from 'zod';

const count = z.int().nonnegative();

export const UnreadCounts = z.object({
  /** Entries that the point has as an earlier point read them. */
  carried: count,
  /** Entries that the point lacks. A directory that could not be listed counts as one, whatever is in it. */
  missing: count,
});
export type UnreadCounts = z.infer<typeof UnreadCounts>;

/** One entry of a source that could not be read, or was read with a reservation. */
export const PointWarning = z.object({
  /** Path as UTF-8 text; bytes that are not UTF-8 are shown as U+FFFD. */
  path: z.string(),
  reason: z.enum(['vanished', 'changed', 'denied', 'unreadable']),
  message: z.string(),
  /** The entry, or all below a directory, could not be read. Absent where nothing is lacking, and in older roots. */
  unread: z.enum(['carried', 'missing']).optional(),
});
export type PointWarning = z.infer<typeof PointWarning>;

/** Fields of a root or a catalog's row that tell what could not be read. */
export interface UnreadFacts {
  readonly unread?: UnreadCounts | undefined;
  readonly warnings: number;
  /** For an image, whose entries are its snapshots. */
  readonly snapshotsMissing?: number | undefined;
  readonly warningList?: readonly Pick<PointWarning, 'reason'>[];
}
