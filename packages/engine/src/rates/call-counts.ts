import * as z from 'zod';

const count = z.int().nonnegative();

/** Calls of one second that workers have asked for and been given, of one thing that has a limit. */
export const SecondCount = z.object({
  /** Calls that were asked for, by how many workers. */
  asked: count,
  askers: count,
  /** The same of the second before. */
  askedBefore: count,
  askersBefore: count,
  given: count,
  /** Calls, of those that were reserved for the askers of the second before, for which these have come. */
  claimed: count,
});
export type SecondCount = Readonly<z.infer<typeof SecondCount>>;

/** The counts of a kind of call: of the account, and of each snapshot. */
export const CallCounts = z.object({
  /** Whole seconds since the epoch, in which what is given may be used. */
  second: count,
  account: SecondCount,
  snapshots: z.record(z.string(), SecondCount),
});
export type CallCounts = Readonly<z.infer<typeof CallCounts>>;
