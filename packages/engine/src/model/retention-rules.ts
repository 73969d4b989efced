import * as z from 'zod';

export type CalendarUnit = 'day' | 'week' | 'month' | 'year';

interface CalendarRule {
  readonly unit: CalendarUnit;
  /** Days of the longest such unit. */
  readonly unitDays: number;
  /** Most periods that a plans file may ask for. */
  readonly most: number;
}

/**
 * Rules that keep the first point of each of the last so many periods. Everything about a rule stands here: what is
 * kept, for how long the vault lets it be locked, and what a plans file and the command line take, follow from it.
 */
export const calendarRules = {
  daily: { unit: 'day', unitDays: 1, most: 3_650 },
  weekly: { unit: 'week', unitDays: 7, most: 520 },
  monthly: { unit: 'month', unitDays: 31, most: 1_200 },
  yearly: { unit: 'year', unitDays: 366, most: 100 },
} as const satisfies Readonly<Record<string, CalendarRule>>;
export type CalendarRuleName = keyof typeof calendarRules;
export const calendarRuleNames = Object.keys(calendarRules) as readonly CalendarRuleName[];

/** Bounds of the number that a person may write for a rule. */
export interface RetentionBounds {
  readonly least: number;
  readonly most: number;
  /** In the plural. */
  readonly unit: string;
}

export const retentionBounds = {
  keepDays: { least: 1, most: 36_500, unit: 'days' },
  ...eachRule((name) => ({ least: 0, most: calendarRules[name].most, unit: `${calendarRules[name].unit}s` })),
  minimumPoints: { least: 0, most: 1_000, unit: 'points' },
  containerAfterDays: { least: 1, most: 36_500, unit: 'days' },
} as const satisfies Readonly<Record<string, RetentionBounds>>;

/** Storage classes that long-kept points may be consolidated into. The last two must be thawed before a restore. */
export const ArchiveClass = z.enum(['glacier-instant', 'glacier-flexible', 'deep-archive']);
export type ArchiveClass = z.infer<typeof ArchiveClass>;

const periods = z.int().nonnegative().default(0);

/**
 * Rules for how long a plan keeps its points. A point is kept for as long as any rule keeps it.
 *
 * `daily: 7` keeps the first point of each of the last seven days, and of the day that has begun; `weekly` (weeks
 * begin on Monday), `monthly` and `yearly` likewise, by the calendar of `timeZone`. It is the first, not the last,
 * because that is known the moment the point is committed and never changes afterwards.
 */
export const RetentionRules = z.object({
  /** Every point is kept for so many days after its commit. */
  keepDays: z.number().positive(),
  ...eachRule(() => periods),
  /** The newest points of a resource that are kept whatever their age, so that a source that stopped is never emptied. */
  minimumPoints: z.int().nonnegative().default(3),
  /** IANA time zone whose days, weeks, months and years count. */
  timeZone: z.string().default('UTC'),
  /** Points that are kept longer than this are consolidated into a container, so that they stop holding short-lived packs. */
  containerAfterDays: z.number().positive().default(100),
  archiveClass: ArchiveClass.default('glacier-instant'),
});
export type RetentionRules = z.infer<typeof RetentionRules>;

/** The longest that rules keep a point by themselves: the first one of periods that have just begun. Days, rounded up. */
export function longestKeptDays(rules: Partial<RetentionRules> & Pick<RetentionRules, 'keepDays'>): number {
  const spans = calendarRuleNames.map((name) => {
    const count = rules[name] ?? 0;
    return count === 0 ? 0 : (count + 1) * calendarRules[name].unitDays;
  });
  return Math.max(rules.keepDays, ...spans);
}

function eachRule<Value>(
  valueOf: (name: CalendarRuleName) => Value,
): Readonly<Record<CalendarRuleName, Value>> {
  return Object.fromEntries(calendarRuleNames.map((name) => [name, valueOf(name)])) as Record<
    CalendarRuleName,
    Value
  >;
}
