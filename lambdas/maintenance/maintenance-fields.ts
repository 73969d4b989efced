import { sweepPartitions, type StepFailures } from '@holdfast/engine';
import * as z from 'zod';
import type { Logger } from '../runtime/logger.ts';

/** Messages of one call that a state carries; all of them are in the log. A state holds 256 KiB. */
const messagesInState = 2;
const longestMessage = 300;

/** The name of the execution. */
export const maintenanceId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,80}$/, 'expected 1 to 80 letters, digits, hyphens, underscores');

export const partition = z
  .int()
  .min(0)
  .max(sweepPartitions - 1);

/** Items that could not be worked off, as a state carries them. */
export const Failures = z.object({ count: z.int().nonnegative(), messages: z.array(z.string()) });
export type Failures = z.infer<typeof Failures>;

export const noneFailed: Failures = { count: 0, messages: [] };

/** Writes failures into the log and makes them small enough for a state. */
export function noteFailures(log: Logger, what: string, { count, messages }: StepFailures): Failures {
  for (const message of messages) log.warn(`${what} failed`, { reason: message });
  return { count, messages: messages.slice(0, messagesInState).map((one) => one.slice(0, longestMessage)) };
}

export function mergeFailures(a: Failures, b: Failures): Failures {
  return { count: a.count + b.count, messages: [...a.messages, ...b.messages].slice(0, messagesInState) };
}

export function maintenanceFile(id: string, name: string): string {
  return `maintenance/${id}/${name}`;
}
