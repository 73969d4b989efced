import type { HoldId } from '../ids.ts';
import type { KeptSigns, PointRow } from '../ports/catalog/points.ts';
import { releaseSteps } from './hold-transitions.ts';
import type { LastFields } from './rows.ts';
import {
  above,
  absent,
  atMost,
  below,
  type Condition,
  oneOf,
  type TransitionStep,
  type Transition,
} from './transition.ts';

/*
 * kept ──startExpiring──▶ expiring ──▶ gone
 *
 * There is no way back from `expiring`: such a point is neither prolonged nor held any more.
 */
const kept: Condition<PointRow> = { expiring: absent };

/** Facts that a point may lack because of what it is, not because of what happened to it. */
const optionalFacts = ['basePointId', 'archiveClass', 'hasBlocks', 'unread'] as const;

/**
 * Writes a point's row again from its root: what happened to the point, and a later expiry, stay.
 * @returns whether there is a row.
 */
export function renewPoint(row: PointRow): Transition<PointRow, boolean> {
  const {
    holds: _holds,
    expiring: _expiring,
    snapshotsMissing: _missing,
    keptSigns: _past,
    expiresAt,
    ...facts
  } = row;
  const unset = optionalFacts.filter((name) => facts[name] === undefined);
  return {
    steps: [
      { when: { expiresAt: atMost(expiresAt) }, change: { set: { ...facts, expiresAt }, unset } },
      { when: { expiresAt: above(expiresAt) }, change: { set: facts, unset } },
    ],
    outcome: (known) => known !== undefined,
  };
}

/** The expirer's decision: the retention has ended, and nobody holds the point. */
export function startExpiring(now: Date): Transition<PointRow, PointRow | 'kept'> {
  return {
    steps: [{ when: { holds: absent, expiresAt: atMost(now) }, change: { set: { expiring: true } } }],
    // Decided before counts too: the answer of that time was lost.
    outcome: (row) => (row?.expiring === true ? row : 'kept'),
  };
}

/** An expiry goes up, never down (rule 7). */
export function raiseExpiry(expiresAt: Date): Transition<PointRow, 'prolonged' | 'gone'> {
  return {
    steps: [{ when: { ...kept, expiresAt: below(expiresAt) }, change: { set: { expiresAt } } }],
    outcome: (row) => (isKept(row) ? 'prolonged' : 'gone'),
  };
}

export function holdPoint(holdId: HoldId): Transition<PointRow, 'held' | 'gone'> {
  return {
    steps: [{ when: kept, change: { addHolds: [holdId] } }],
    outcome: (row) => (isKept(row) ? 'held' : 'gone'),
  };
}

export function releasePoint(holdId: HoldId): Transition<PointRow, void> {
  return { steps: releaseSteps(holdId), outcome: () => undefined };
}

export function noteSnapshotsMissing(count: number): Transition<PointRow, void> {
  const change =
    count === 0 ? { unset: ['snapshotsMissing'] as const } : { set: { snapshotsMissing: count } };
  return { steps: [{ when: {}, change }], outcome: () => undefined };
}

export function noteSigns(keptSigns: readonly KeptSigns[]): Transition<PointRow, void> {
  return { steps: [{ when: {}, change: { set: { keptSigns } } }], outcome: () => undefined };
}

/** The newest point is the last by source time, and then by id. */
export function moveNewest({ pointId, sourceTime }: PointRow): Transition<LastFields, void> {
  const change = { set: { lastPointId: pointId, lastSourceTime: sourceTime } };
  const older: readonly TransitionStep<LastFields>['when'][] = [
    { lastSourceTime: below(sourceTime) },
    { lastSourceTime: absent },
    { lastSourceTime: oneOf(sourceTime), lastPointId: below(pointId) },
  ];
  return { steps: older.map((when) => ({ when, change })), outcome: () => undefined };
}

function isKept(row: PointRow | undefined): boolean {
  return row !== undefined && row.expiring !== true;
}
