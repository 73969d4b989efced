import * as z from 'zod';

const periods = z.int().nonnegative();

/** Storage classes that long-kept points may be consolidated into. The last two must be thawed before a restore. */
export const ArchiveClass = z.enum(['glacier-instant', 'glacier-flexible', 'deep-archive']);
export type ArchiveClass = z.infer<typeof ArchiveClass>;

/**
 * How long a plan keeps its points. A point is kept for as long as any rule keeps it.
 *
 * `daily: 7` keeps the first point of each of the last seven days, and of the day that has begun; `weekly` (weeks begin
 * on Monday), `monthly` and `yearly` likewise, by the calendar of `timeZone`. It is the first, not the last, because
 * that is known the moment the point is committed and never changes afterwards.
 */
export const RetentionRules = z.object({
  /** Every point, for so many days after its commit. */
  keepDays: z.number().positive(),
  daily: periods.default(0),
  weekly: periods.default(0),
  monthly: periods.default(0),
  yearly: periods.default(0),
  /** The newest points of a resource that are kept whatever their age, so that a source that stopped is never emptied. */
  minimumPoints: periods.default(3),
  /** IANA time zone whose days, weeks, months and years count. */
  timeZone: z.string().default('UTC'),
  /** Points that are kept longer than this are consolidated into a container, so that they stop holding short-lived packs. */
  containerAfterDays: z.number().positive().default(100),
  /** Storage class of those containers. */
  archiveClass: ArchiveClass.default('glacier-instant'),
});
export type RetentionRules = z.infer<typeof RetentionRules>;
