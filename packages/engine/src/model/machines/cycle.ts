import * as z from 'zod';
import { BackupType } from '../backup-type.ts';

/** What names a cycle: the input of its state machine, and all its steps get it. */
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

/** A cycle in numbers. */
export const CycleReport = z.object({
  completed: number,
  /** Protected too, and lacking nothing, but with something to say. */
  warnings: number,
  /** Their new points carry or lack entries that could not be read: not protected as their plan promises. */
  degraded: number,
  failed: number,
  skipped: number,
  readBytes: number,
  storedBytes: number,
});
export type CycleReport = Readonly<z.infer<typeof CycleReport>>;
