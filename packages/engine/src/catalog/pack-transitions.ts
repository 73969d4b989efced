import type { HoldId } from '../ids.ts';
import type { ConfirmedPack, PackRow } from '../ports/catalog/packs.ts';
import { releaseSteps } from './hold-transitions.ts';
import {
  absent,
  atLeast,
  below,
  type Condition,
  meets,
  oneOf,
  type TransitionStep,
  type Transition,
} from './transition.ts';

/*
 * writing ──confirm──▶ live ──┐
 *    │                        ├──startDeleting──▶ deleting ──▶ gone
 *    └────────────────────────┘
 *
 * There is no way back from `deleting`. See docs/leases.md.
 */

/** Packs that writers may refer to (rules 1 and 12). */
const usable: Condition<PackRow> = { state: oneOf('live'), damaged: absent };
/** Packs whose bytes may go. */
export const removable: Condition<PackRow> = { state: oneOf('deleting') };

export function confirmPack(stored: ConfirmedPack): Transition<PackRow, 'live' | 'lost'> {
  const { versionId, bytes, lockedUntil } = stored;
  const set = { versionId, bytes, lockedUntil, state: 'live' } as const;
  return {
    steps: [{ when: { state: oneOf('writing') }, change: { set } }],
    outcome: (row) => (row?.state === 'live' ? 'live' : 'lost'),
  };
}

/** An intent goes up, never down (rule 2). */
export function raiseLockUntil(lockUntil: Date): Transition<PackRow, 'raised' | 'not-live'> {
  return {
    steps: [{ when: { ...usable, lockUntil: below(lockUntil) }, change: { set: { lockUntil } } }],
    outcome: (row) => (isUsable(row) ? 'raised' : 'not-live'),
  };
}

/** A lock that the store confirmed goes up, never down (rule 2). */
export function confirmLockedUntil(lockedUntil: Date): Transition<PackRow, 'confirmed' | 'not-live'> {
  return {
    steps: laterLock(lockedUntil).map((when) => ({
      when: { ...usable, ...when },
      change: { set: { lockedUntil } },
    })),
    outcome: (row) => (isUsable(row) ? 'confirmed' : 'not-live'),
  };
}

/** The sweeper's decision (rule 6): the intent is over, and nobody holds the pack (rule 9). */
export function startDeleting(dueBefore: Date): Transition<PackRow, PackRow | 'kept'> {
  const when: Condition<PackRow> = {
    state: oneOf('live', 'writing'),
    lockUntil: below(dueBefore),
    holds: absent,
  };
  return {
    steps: [{ when, change: { set: { state: 'deleting' } } }],
    // Decided before counts too: the answer of that time was lost, or another sweeper is at it.
    outcome: (row) => (row?.state === 'deleting' ? row : 'kept'),
  };
}

/** Puts off the sweep of a version that the store still locks. */
export function postponeDeleting(lockUntil: Date): Transition<PackRow, void> {
  return { steps: [{ when: removable, change: { set: { lockUntil } } }], outcome: () => undefined };
}

/** Bytes that cannot be read are absent for writers (rule 12). */
export function markDamaged(): Transition<PackRow, void> {
  return { steps: [{ when: {}, change: { set: { damaged: true } } }], outcome: () => undefined };
}

/** Only a stored pack can be held (rule 9). */
export function holdPack(holdId: HoldId): Transition<PackRow, 'held' | 'not-live'> {
  return {
    steps: [{ when: { state: oneOf('live') }, change: { addHolds: [holdId] } }],
    outcome: (row) => (row?.state === 'live' ? 'held' : 'not-live'),
  };
}

export function releasePack(holdId: HoldId): Transition<PackRow, void> {
  return { steps: releaseSteps(holdId), outcome: () => undefined };
}

/**
 * Takes over later dates and missing holds of an object that was found in the store (rule 10); the state stays.
 * @returns whether there is a row.
 */
export function recoverPack({ lockUntil, lockedUntil, holds = [] }: PackRow): Transition<PackRow, boolean> {
  const intents: TransitionStep<PackRow>[] = [
    { when: { lockUntil: below(lockUntil) }, change: { set: { lockUntil } } },
    { when: { lockUntil: atLeast(lockUntil) }, change: {} },
  ];
  const locks: TransitionStep<PackRow>[] =
    lockedUntil === undefined
      ? [{ when: {}, change: {} }]
      : [
          ...laterLock(lockedUntil).map((when) => ({ when, change: { set: { lockedUntil } } })),
          { when: { lockedUntil: atLeast(lockedUntil) }, change: {} },
        ];
  const steps = intents.flatMap((intent) =>
    locks.map((lock) => ({
      when: { ...intent.when, ...lock.when },
      change: { set: { ...intent.change.set, ...lock.change.set }, addHolds: holds },
    })),
  );
  return {
    steps: steps.filter(({ change }) => Object.keys(change.set).length + holds.length > 0),
    outcome: (row) => row !== undefined,
  };
}

function laterLock(lockedUntil: Date): readonly Condition<PackRow>[] {
  return [{ lockedUntil: below(lockedUntil) }, { lockedUntil: absent }];
}

function isUsable(row: PackRow | undefined): boolean {
  return row !== undefined && meets(usable, row);
}
