import * as z from 'zod';

const count = z.int().nonnegative();

export const UnreadCounts = z.object({
  /** Entries that the point has as an earlier point read them. */
  carried: count,
  /** Entries that the point lacks. A directory that could not be listed counts as one, whatever is in it. */
  missing: count,
});
export type UnreadCounts = z.infer<typeof UnreadCounts>;
