import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as packs from '../../src/catalog/pack-transitions.ts';
import * as points from '../../src/catalog/point-transitions.ts';
import * as runs from '../../src/catalog/run-transitions.ts';
import { meets, takeStep, type TransitionStep } from '../../src/catalog/transition.ts';
import type { HoldId } from '../../src/ids.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import type { RunRow } from '../../src/ports/catalog/runs.ts';
import { at, holdIdOf, livePack, pointRow, runRow } from '../../src/testing/catalog/rows.ts';

const moment = fc.integer({ min: 0, max: 3 }).map(at);
const holdIds = ['1', '2', '3'].map(holdIdOf);
const holds = fc.option(fc.subarray(holdIds, { minLength: 1 }), { nil: undefined });
const mark = fc.constantFrom(true, undefined);

const packRow: fc.Arbitrary<PackRow> = fc
  .record({
    state: fc.constantFrom('writing', 'live', 'deleting'),
    lockUntil: moment,
    lockedUntil: fc.option(moment, { nil: undefined }),
    damaged: mark,
    holds,
  })
  .map((fields) => ({ ...livePack('1'), ...fields }));
const anyPoint: fc.Arbitrary<PointRow> = fc
  .record({ expiresAt: moment, expiring: mark, holds })
  .map((fields) => ({ ...pointRow(1), ...fields }));
const anyRun: fc.Arbitrary<RunRow> = fc
  .record({
    state: fc.constantFrom('open', 'cancelling', 'completed', 'failed', 'cancelled'),
    aliveUntil: moment,
  })
  .map((fields) => ({ ...runRow('1', 0), ...fields }));

const [holdId] = holdIds as [HoldId];
const { runId } = runRow('1', 0);
const packSteps = (time: Date, found: PackRow): Record<string, readonly TransitionStep<PackRow>[]> => ({
  confirmPack: packs.confirmPack({ versionId: 'v', bytes: 1, lockedUntil: time }).steps,
  raiseLockUntil: packs.raiseLockUntil(time).steps,
  confirmLockedUntil: packs.confirmLockedUntil(time).steps,
  startDeleting: packs.startDeleting(time).steps,
  postponeDeleting: packs.postponeDeleting(time).steps,
  markDamaged: packs.markDamaged().steps,
  holdPack: packs.holdPack(holdId).steps,
  releasePack: packs.releasePack(holdId).steps,
  recoverPack: packs.recoverPack(found).steps,
});
const pointSteps = (time: Date, row: PointRow): Record<string, readonly TransitionStep<PointRow>[]> => ({
  renewPoint: points.renewPoint(row).steps,
  startExpiring: points.startExpiring(time).steps,
  raiseExpiry: points.raiseExpiry(time).steps,
  holdPoint: points.holdPoint(holdId).steps,
  releasePoint: points.releasePoint(holdId).steps,
  noteSnapshotsMissing: points.noteSnapshotsMissing(2).steps,
  noteSigns: points.noteSigns([]).steps,
});
const runSteps = (time: Date): Record<string, readonly TransitionStep<RunRow>[]> => ({
  updateRun: runs.updateRun(runId, { type: 'full' }).steps,
  touchRun: runs.touchRun(runId, time).steps,
  cancelRun: runs.cancelRun(runId).steps,
  endRun: [runs.endRun({ state: 'failed', endedAt: time })],
  abandonRun: [runs.abandonRun(runRow('1', 0), { ...runRow('2', 0), startedAt: time })],
});

function expectOneAtMost<Row extends object>(row: Row, steps: readonly TransitionStep<Row>[]): void {
  expect(steps.filter(({ when }) => meets(when, row)).length).toBeLessThanOrEqual(1);
}

test('of the steps of a transition no two are open to the same row', () => {
  fc.assert(
    fc.property(
      packRow,
      packRow,
      anyPoint,
      anyPoint,
      anyRun,
      moment,
      (pack, found, point, again, run, time) => {
        for (const steps of Object.values(packSteps(time, found))) expectOneAtMost(pack, steps);
        for (const steps of Object.values(pointSteps(time, again))) expectOneAtMost(point, steps);
        for (const steps of Object.values(runSteps(time))) expectOneAtMost(run, steps);
        const last = { lastPointId: point.pointId, lastSourceTime: point.expiresAt };
        expectOneAtMost(last, points.moveNewest({ ...again, sourceTime: time }).steps);
      },
    ),
  );
});

describe('no transition', () => {
  test('leads a pack out of deleting, into it while somebody holds it, or to an earlier lease', () => {
    fc.assert(
      fc.property(packRow, packRow, moment, (row, found, time) => {
        for (const [name, steps] of Object.entries(packSteps(time, found))) {
          const after = takeStep(row, steps);
          if (row.state === 'deleting') expect(after.state).toBe('deleting');
          if (row.state !== 'deleting' && after.state === 'deleting') expect(row.holds).toBeUndefined();
          if (name !== 'postponeDeleting')
            expect(after.lockUntil.getTime()).toBeGreaterThanOrEqual(row.lockUntil.getTime());
          if (name !== 'confirmPack' && row.lockedUntil !== undefined)
            expect(after.lockedUntil?.getTime()).toBeGreaterThanOrEqual(row.lockedUntil.getTime());
        }
      }),
    );
  });

  test('unmarks a point that expires, marks one that somebody holds, or shortens its retention', () => {
    fc.assert(
      fc.property(anyPoint, anyPoint, moment, (row, again, time) => {
        for (const steps of Object.values(pointSteps(time, again))) {
          const after = takeStep(row, steps);
          if (row.expiring === true) expect(after.expiring).toBe(true);
          if (row.expiring !== true && after.expiring === true) expect(row.holds).toBeUndefined();
          expect(after.expiresAt.getTime()).toBeGreaterThanOrEqual(row.expiresAt.getTime());
        }
      }),
    );
  });

  test('opens a run again, or changes how it ended', () => {
    fc.assert(
      fc.property(anyRun, moment, (row, time) => {
        for (const steps of Object.values(runSteps(time))) {
          const after = takeStep(row, steps);
          if (row.state !== 'open') expect(after.state).not.toBe('open');
          if (row.state !== 'open' && row.state !== 'cancelling') expect(after).toBe(row);
        }
      }),
    );
  });
});
