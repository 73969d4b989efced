import * as z from 'zod';
import { BackupType } from '../backup-type.ts';

/** The input of the cycle's state machine, which all its steps get. */
export const CycleInput = z.object({
  plan: z.string().min(1),
  type: BackupType,
  scheduledAt: z.iso.datetime({ offset: true }),
  cycleId: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,80}$/, 'expected 1 to 80 letters, digits, hyphens, underscores'),
});
export type CycleInput = z.infer<typeof CycleInput>;

const number = z.int().nonnegative();

export const CycleReport = z.object({
  completed: number,
  /** Protected too, and lacking nothing, but with a warning. */
  warnings: number,
  /** Their new points carry or lack entries that could not be read: they are not protected as their plan promises. */
  degraded: number,
  failed: number,
  skipped: number,
  readBytes: number,
  storedBytes: number,
});
export type CycleReport = Readonly<z.infer<typeof CycleReport>>;
