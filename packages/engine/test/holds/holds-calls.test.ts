import { describe, expect, test } from 'vitest';
import { applyHold, HoldProgress } from '../../src/holds/apply-hold.ts';
import { HoldsProgress, reconcileHolds } from '../../src/holds/reconcile-holds.ts';
import { setHold } from '../../src/holds/set-hold.ts';
import type { HoldId, PointId, ResourceArn } from '../../src/ids.ts';
import type { HoldRow } from '../../src/ports/catalog/holds.ts';
import type { AllServices } from '../../src/services.ts';
import { FaultPlan, ProcessKilledError, withFaults } from '../../src/testing/index.ts';
import { limits } from '../maintenance/old-point.ts';
import { rowOf } from '../maintenance/maintenance-vault.ts';
import { day, Harness, minute } from '../runs/harness.ts';
import { someOf } from '../thoroughness.ts';

const caseHold = '11111111111111111111111111111111' as HoldId;
const pointHold = '22222222222222222222222222222222' as HoldId;
const arns = ['arn:aws:s3:::a', 'arn:aws:s3:::b'] as ResourceArn[];

/** Two points of each of two resources, of three packs each, that expire within the hour; and two holds on them. */
async function withHolds(): Promise<{
  harness: Harness;
  holds: readonly [HoldRow, HoldRow];
  points: readonly PointId[];
}> {
  const harness = new Harness('holds in calls');
  for (let file = 0; file < 9; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(1_000));
  const points: PointId[] = [];
  for (const arn of arns) {
    const tags = { case: '7' };
    await harness.catalog.resources.put({ arn, kind: 's3-bucket', plan: 'daily', seenAt: new Date(0), tags });
    for (const isolated of [true, false]) {
      const { root } = await harness.backUp('full', { arn, isolated, limits, keepDays: 10 });
      points.push(root.point);
    }
  }
  harness.clock.advance(10 * day - 60 * minute);
  const by = { setBy: 'a lawyer', reason: 'case 7' };
  const tag = { kind: 'tag', key: 'case', value: '7' } as const;
  const point = { kind: 'point', pointId: points[0] as PointId } as const;
  const holds = [
    await setHold(harness.services, { holdId: caseHold, scope: tag, ...by }),
    await setHold(harness.services, { holdId: pointHold, scope: point, ...by }),
  ] as const;
  return { harness, holds, points };
}

type Vault = Awaited<ReturnType<typeof withHolds>>;
type Progress = HoldProgress | HoldsProgress;
/** One call without time, which leases one pack all the same. */
type Call = (vault: Vault, services: AllServices, before: unknown) => Promise<Progress | undefined>;

const noTime = { shouldStop: () => true, packsAtOnce: 1 };

const apply: Call = async ({ harness, holds }, services, before) => {
  const progress = HoldProgress.optional().parse(before);
  const { progress: after, ...report } = await applyHold(services, await harness.keys(), holds[0], {
    ...noTime,
    progress,
  });
  expect(report).toMatchObject({ damaged: { count: 0 }, failures: { count: 0 } });
  return after;
};

const reconcile: Call = async ({ harness }, services, before) => {
  const progress = HoldsProgress.optional().parse(before);
  const report = await reconcileHolds(services, await harness.keys(), { ...noTime, progress });
  expect(report).toMatchObject({ damaged: { count: 0 }, failures: { count: 0 } });
  return report.done ? undefined : report.progress;
};

describe.each([
  ['a hold that is set', apply, [caseHold]],
  ['bringing points in line with holds', reconcile, [caseHold, pointHold]],
] as const)('%s', (_what, callOnce, expected) => {
  async function callOn(vault: Vault, faults?: FaultPlan): Promise<number> {
    const { harness } = vault;
    let before: string | undefined;
    for (let calls = 1; calls < 100; calls += 1) {
      const isFaulty = faults !== undefined && !faults.killed;
      const { store, catalog } = harness;
      const services = isFaulty
        ? { ...harness.services, store: withFaults(store, faults), catalog: withFaults(catalog, faults) }
        : harness.services;
      try {
        const after = await callOnce(vault, services, before && JSON.parse(before));
        if (after === undefined) return calls;
        before = JSON.stringify(after);
      } catch (error) {
        if (!(error instanceof ProcessKilledError)) throw error;
      }
      harness.clock.advance(5_000);
    }
    throw new Error('it comes to no end');
  }

  test('goes on within a point, in calls that have no time and die at any of their calls', async () => {
    const counted = new FaultPlan();
    // Each point of its three packs, one a call.
    expect(await callOn(await withHolds(), counted)).toBeGreaterThan(3 * 3);

    for (const kind of ['kill', 'kill-after'] as const) {
      for (const call of someOf(counted.calls(), 72, kind.length)) {
        const vault = await withHolds();
        const { harness, points } = vault;
        const faults = new FaultPlan([{ kind, call }]);

        await callOn(vault, faults);

        expect(faults.killed).toBe(true);
        for (const [at, pointId] of points.entries()) {
          const where = `${kind} at call ${call}, point ${at}`;
          const row = await rowOf(harness, pointId);
          expect([where, row.holds]).toEqual([where, at === 0 ? expected : [caseHold]]);
          expect(row.expiresAt.getTime(), where).toBeGreaterThan(harness.clock.now().getTime() + 29 * day);
          const { legalHold } = await harness.store.head(row.rootName, { versionId: row.rootVersionId });
          expect([where, legalHold]).toEqual([where, true]);
          // Who died before the root's own lock was moved left that to the day's renewal; the flag keeps it until then.
          const locks = new Map(await harness.locksOf((await harness.open(pointId, row.resourceArn)).root));
          locks.delete(row.rootName);
          for (const until of locks.values())
            expect(until.getTime(), where).toBeGreaterThanOrEqual(row.expiresAt.getTime());
        }
      }
    }
  });
});
