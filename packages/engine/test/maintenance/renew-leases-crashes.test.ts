import { describe, expect, test } from 'vitest';
import { renewResource } from '../../src/maintenance/renew-leases.ts';
import { FaultPlan, ProcessKilledError, type FaultKind } from '../../src/testing/index.ts';
import { someOf } from '../thoroughness.ts';
import { nextBoundary, planWith, renewServices, rowOf } from './maintenance-vault.ts';
import { expectKept, keepLatest, maintain, withOldPoint } from './old-point.ts';

/** Calls that renewing makes from beginning to end. */
async function countCalls(): Promise<number> {
  const counted = new FaultPlan();
  const { harness } = await withOldPoint();
  await renewResource(renewServices(harness, keepLatest, counted), await harness.keys(), harness.arn);
  return counted.calls();
}

describe('renewing that dies', () => {
  test.each<FaultKind>(['kill', 'kill-after'])(
    'at any call (%s) keeps the point as it was or as it will be, and the next run completes it',
    async (kind) => {
      const calls = await countCalls();
      for (const call of someOf(calls, 4, kind.length)) {
        const where = `${kind} at call ${call} of ${calls}`;
        const { harness, pointId, state } = await withOldPoint();
        const { expiresAt } = await rowOf(harness, pointId);
        const services = renewServices(harness, keepLatest, new FaultPlan([{ kind, call }]));
        await expect(renewResource(services, await harness.keys(), harness.arn), where).rejects.toThrow(
          ProcessKilledError,
        );

        const between = await rowOf(harness, pointId);
        expect([expiresAt, nextBoundary(harness, 10)], where).toContainEqual(between.expiresAt);
        const { report } = await renewResource(
          renewServices(harness, keepLatest),
          await harness.keys(),
          harness.arn,
        );

        expect(report.renewed + report.rootsLocked, where).toBeLessThanOrEqual(1);
        expect((await rowOf(harness, pointId)).expiresAt, where).toEqual(nextBoundary(harness, 10));
        await expectKept(harness, pointId, state, where);
      }
      console.info(`renewing (${kind}): of ${calls} kill points`);
    },
  );

  test.each<FaultKind>(['fail-before', 'fail-after', 'time-out', 'duplicate'])(
    'for one call (%s) has done everything after the next run',
    async (kind) => {
      const calls = await countCalls();
      for (const call of someOf(calls, 8, kind.length)) {
        const where = `${kind} at call ${call}`;
        const { harness, pointId, state } = await withOldPoint();
        const services = renewServices(harness, keepLatest, new FaultPlan([{ kind, call }]));

        await renewResource(services, await harness.keys(), harness.arn).catch(() => undefined);
        await maintain(harness);

        await expectKept(harness, pointId, state, where);
        expect((await rowOf(harness, pointId)).expiresAt, where).toEqual(nextBoundary(harness, 10));
      }
    },
  );

  test("before it moved the root's lock is mended although the plan keeps points for longer by now", async () => {
    const { harness, pointId, state } = await withOldPoint();
    const longer = planWith({ keepDays: 90, minimumPoints: 1 });
    const plan = new FaultPlan([{ kind: 'kill-after', method: 'points.prolong', call: 1 }]);
    const keys = await harness.keys();
    await expect(renewResource(renewServices(harness, longer, plan), keys, harness.arn)).rejects.toThrow(
      ProcessKilledError,
    );

    const { report } = await renewResource(renewServices(harness, longer), keys, harness.arn);

    expect(report).toMatchObject({ renewed: 0, rootsLocked: 1 });
    await expectKept(harness, pointId, state);
  });
});
