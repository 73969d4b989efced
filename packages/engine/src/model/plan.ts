import * as z from 'zod';
import { UnknownNameError } from '../errors.ts';
import { BackupType } from './backup-type.ts';
import { CompressionLevel } from './compression.ts';
import { ImageSettings } from './image-settings.ts';
import { RetentionRules } from './retention-rules.ts';

/** The schedule of one backup type: an EventBridge Scheduler expression and an IANA time zone. */
export const PlanSchedule = z.object({
  expression: z.string(),
  timeZone: z.string(),
});
export type PlanSchedule = z.infer<typeof PlanSchedule>;

/** A plan as the deployment hands it to the functions. The file that a person edits is checked at synth. */
export const Plan = z.object({
  name: z.string(),
  schedules: z.partialRecord(BackupType, PlanSchedule),
  retention: RetentionRules,
  /** Hours that a resource may be without a new point before it counts as overdue. */
  rpoHours: z.number().positive(),
  /** Every incremental reads the tags of unchanged objects too. */
  readTags: z.boolean(),
  /** Key prefixes that S3 buckets are limited to; empty = all keys. */
  prefixes: z.array(z.string()),
  compression: CompressionLevel,
  images: ImageSettings,
  shard: z.object({ files: z.int().positive(), bytes: z.int().positive() }),
});
export type Plan = z.infer<typeof Plan>;

export const Plans = z.array(Plan);
export type Plans = z.infer<typeof Plans>;

/** @throws {@link UnknownNameError} no plan of that name is deployed. */
export function getPlan(plans: Plans, name: string): Plan {
  const plan = plans.find((candidate) => candidate.name === name);
  if (plan === undefined) {
    const names = plans.map((candidate) => candidate.name).join(', ');
    throw new UnknownNameError(
      `plan "${name}" does not exist; deployed plans are: ${names}; correct the tag or deploy the plan`,
    );
  }
  return plan;
}
