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

const noneFailed: Failures = { count: 0, messages: [] };

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

/** Counters of the steps, by the name that the report has for a step. */
const counters = {
  reconciled: ['roots', 'recovered', 'missing'],
  holds: ['holds', 'held', 'released'],
  // `waiting`: points that have to become containers, and for which no run was started today; `tooLarge`: those that no
  // object can hold, which are prolonged instead for as long as their plans keep them.
  containers: ['started', 'waiting', 'tooLarge'],
  renewed: ['renewed', 'packs', 'rootsLocked', 'tooLate', 'lostPacks', 'unreadable', 'withoutPlan'],
  expired: ['expired', 'kept', 'locked', 'inUse', 'snapshots'],
  swept: ['swept', 'bytes', 'kept', 'locked'],
  // `unknown`: snapshots of runs that the catalog does not know: perhaps it was rebuilt, and a point needs them; `inUse`:
  // those that an AMI is made of, which are tried again every day; `pointsLacking`: points of images that lack snapshots
  // which should be there.
  snapshots: ['removed', 'unknown', 'inUse', 'pointsLacking'],
  verified: ['packs', 'bytes', 'resources', 'passedOver', 'damaged'],
} as const;

type Part = keyof typeof counters;

function countersOf<Name extends Part, Field>(name: Name, field: Field) {
  return Object.fromEntries(counters[name].map((counter) => [counter, field])) as Record<
    (typeof counters)[Name][number],
    Field
  >;
}

/** Fields that a step's state has of what was done, and of what failed. */
export function partOf<Name extends Part, Field extends z.ZodType<number>>(name: Name, count: Field) {
  return { ...countersOf(name, count), failures: Failures };
}

/** The same before the first call. */
export function nothingOf<Name extends Part>(name: Name) {
  return { ...countersOf(name, 0), failures: noneFailed };
}
