import * as z from 'zod';

const Numbers = z.array(z.number().int());

/** A cron expression taken apart when it was deployed; a field that matches everything is left out. Sunday is 1. */
const CronFields = z.object({
  minutes: Numbers.optional(),
  hours: Numbers.optional(),
  /** Numbers, `L` (last day), or `15W` (weekday nearest the 15th). */
  daysOfMonth: z.union([Numbers, z.string()]).optional(),
  months: Numbers.optional(),
  /** Numbers, `6L` (last Friday), or `3#2` (second Tuesday). */
  daysOfWeek: z.union([Numbers, z.string()]).optional(),
  years: Numbers.optional(),
});

const Times = z.union([z.object({ cron: CronFields }), z.object({ everyMinutes: z.number().int() })]);

/** One plan as the functions see it: checked when it was deployed, defaults filled in. */
export const PlanJson = z.object({
  schedules: z.object({
    full: Times.optional(),
    incremental: Times.optional(),
    differential: Times.optional(),
    'synthetic-full': Times.optional(),
  }),
  /** IANA name; calendar times are in this zone. */
  timeZone: z.string(),
  keepDays: z.number(),
  rpoHours: z.number(),
  /** Key prefixes of buckets to protect; absent for everything. */
  prefixes: z.array(z.string()).optional(),
  readTags: z.boolean(),
  shardFiles: z.number().int(),
  shardBytes: z.number().int(),
});
export type PlanJson = z.infer<typeof PlanJson>;

/** All plans by name: the content of the PLANS variable. */
export const PlansJson = z.record(z.string(), PlanJson);
export type PlansJson = z.infer<typeof PlansJson>;
