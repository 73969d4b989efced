import * as z from 'zod';

const count = z.int().nonnegative();

/** Entries that a point could not read. */
export const UnreadCounts = z.object({
  /** Entries that the point has as an earlier point read them. */
  carried: count,
  /** Entries that the point lacks; a directory that could not be listed is one, whatever is in it. */
  missing: count,
});
export type UnreadCounts = z.infer<typeof UnreadCounts>;
