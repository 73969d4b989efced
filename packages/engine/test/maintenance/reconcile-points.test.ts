import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import type { HoldId, PointId, ResourceArn } from '../../src/ids.ts';
import { expirePoints } from '../../src/maintenance/expire-points.ts';
import { ReconcilePlace, reconcilePoints } from '../../src/maintenance/reconcile-points.ts';
import type { HoldScope } from '../../src/model/machines/hold.ts';
import {
  FaultPlan,
  type MemoryObjectStore,
  ProcessKilledError,
  withFaults,
} from '../../src/testing/index.ts';
import { day, Harness, namesIn } from '../runs/harness.ts';
import { someOf } from '../thoroughness.ts';
import { rowOf } from './maintenance-vault.ts';

const other = 'arn:aws:s3:::others' as ResourceArn;

/** Two points of one resource and one of another. */
async function withPoints(): Promise<{ harness: Harness; pointIds: PointId[] }> {
  const harness = new Harness('reconcile');
  harness.source.plant('file', 'content');
  const pointIds: PointId[] = [];
  for (const arn of [harness.arn, harness.arn, other])
    pointIds.push((await harness.backUp('full', { arn, keepDays: 35 })).root.point);
  for (const arn of [harness.arn, other])
    await harness.catalog.resources.put({
      arn,
      kind: 's3-bucket',
      plan: 'daily',
      seenAt: harness.clock.now(),
    });
  return { harness, pointIds };
}

async function reconcile(harness: Harness) {
  return reconcilePoints(harness, await harness.keys());
}

async function loseRoot(harness: Harness, pointId: PointId): Promise<void> {
  const { rootName, rootVersionId } = await rowOf(harness, pointId);
  const now = harness.clock.now();
  harness.clock.set('2100-01-01T00:00:00Z');
  await harness.store.removeVersion(rootName, rootVersionId);
  harness.clock.set(now);
}

async function loseHeldRow(harness: Harness, pointId: PointId): Promise<void> {
  const { rootName, rootVersionId } = await rowOf(harness, pointId);
  await harness.store.setLegalHold(rootName, rootVersionId, true);
  await harness.catalog.points.remove(pointId);
}

test('points that are in both places stay as they are', async () => {
  const { harness, pointIds } = await withPoints();
  const before = await Promise.all(pointIds.map(async (pointId) => rowOf(harness, pointId)));

  const { report, next } = await reconcile(harness);

  expect(report).toMatchObject({ roots: 3, recovered: 0, missing: { count: 0 }, failures: { count: 0 } });
  expect(next).toBeUndefined();
  expect(await Promise.all(pointIds.map(async (pointId) => rowOf(harness, pointId)))).toEqual(before);
});

test('roots without a row get the row that they had', async () => {
  const { harness, pointIds } = await withPoints();
  const before = await Promise.all(pointIds.map(async (pointId) => rowOf(harness, pointId)));
  for (const pointId of pointIds.slice(1)) await harness.catalog.points.remove(pointId);

  const { report } = await reconcile(harness);

  expect(report).toMatchObject({ roots: 3, recovered: 2 });
  expect(await Promise.all(pointIds.map(async (pointId) => rowOf(harness, pointId)))).toEqual(before);
});

test('a resource whose points cannot be listed stops none of the others', async () => {
  const { harness, pointIds } = await withPoints();
  for (const pointId of pointIds) await harness.catalog.points.remove(pointId);
  for (const call of [1, 2]) {
    const faults = new FaultPlan([{ kind: 'throttle', call, method: 'points.list' }]);
    const catalog = withFaults(harness.catalog, faults);

    const { report } = await reconcilePoints({ store: harness.store, catalog }, await harness.keys());

    expect(report).toMatchObject({ roots: 3, failures: { count: 1 } });
  }
  for (const pointId of pointIds) expect(await harness.catalog.points.find(pointId)).toBeDefined();
});

test('the later one of a root and its lock is the expiry of a row that comes back', async () => {
  const { harness, pointIds } = await withPoints();
  const [pointId] = pointIds as [PointId];
  const { rootName, rootVersionId, expiresAt } = await rowOf(harness, pointId);
  const until = new Date(expiresAt.getTime() + 20 * day);
  await harness.store.extendLock(rootName, rootVersionId, { mode: 'governance', until });
  await harness.catalog.points.remove(pointId);

  await reconcile(harness);

  expect((await rowOf(harness, pointId)).expiresAt).toEqual(until);
});

test('an expired root without a row is removed by the next expiring', async () => {
  const { harness, pointIds } = await withPoints();
  for (const pointId of pointIds) await harness.catalog.points.remove(pointId);
  harness.clock.advance(40 * day);

  await reconcile(harness);
  expect(await expirePoints(harness)).toMatchObject({ expired: 3, failures: { count: 0 } });

  expect(await namesIn(harness.store, 'points/')).toEqual([]);
  expect(await harness.catalog.points.find(pointIds[0] as PointId)).toBeUndefined();
});

describe('a row without a root', () => {
  test.each([
    ['of a resource that has others', 0],
    ['that was the only one of its resource', 2],
  ])('%s is reported, and stays', async (_what, index) => {
    const { harness, pointIds } = await withPoints();
    const pointId = pointIds[index] as PointId;
    await loseRoot(harness, pointId);

    const { report } = await reconcile(harness);

    expect(report.missing).toEqual({ count: 1, pointIds: [pointId] });
    expect(await harness.catalog.points.find(pointId)).toBeDefined();
  });

  test('whose retention has ended, or that is expiring, is nothing to report', async () => {
    const { harness, pointIds } = await withPoints();
    const [first, second] = pointIds as [PointId, PointId];
    harness.clock.advance(35 * day + 60_000);
    const { expiresAt } = await rowOf(harness, first);
    expect(expiresAt < harness.clock.now()).toBe(true);
    await loseRoot(harness, first);
    await loseRoot(harness, second);

    expect((await reconcile(harness)).report.missing.count).toBe(0);
  });
});

test('a damaged root without a row is a failure, and stops none of the others', async () => {
  const { harness, pointIds } = await withPoints();
  const [first, second] = pointIds as [PointId, PointId];
  const { rootName, rootVersionId } = await rowOf(harness, first);
  for (const pointId of pointIds) await harness.catalog.points.remove(pointId);
  const now = harness.clock.now();
  harness.clock.set('2100-01-01T00:00:00Z');
  await harness.store.removeVersion(rootName, rootVersionId);
  harness.store.plantVersion(rootName, new Uint8Array(100));
  harness.clock.set(now);

  const { report } = await reconcile(harness);

  expect(report).toMatchObject({ recovered: 2, failures: { count: 1 } });
  expect(report.failures.messages[0]).toContain(first);
  expect(await harness.catalog.points.find(second)).toBeDefined();
});

describe('what somebody put where the roots of a resource lie stops none of the others', () => {
  test.each<[string, Parameters<MemoryObjectStore['plantVersion']>[1]]>([
    ['FormatVersionError', Buffer.concat([utf8('HFRT\x02'), new Uint8Array(100)])],
    // More than fits into any memory: read as a whole it would be an error of this test.
    ['StoredBytesDamagedError', { bytes: 2 ** 42, read: (_offset, length) => new Uint8Array(length) }],
  ])('%s', async (name, content) => {
    const { harness } = await withPoints();
    harness.store.plantVersion(`points/${'0'.repeat(32)}/20260101T000000Z-${'0'.repeat(16)}`, content);

    const { report } = await reconcile(harness);

    expect(report).toMatchObject({ roots: 4, missing: { count: 0 }, failures: { count: 1 } });
    expect(report.failures.messages[0]).toContain(name);
  });
});

describe('a root that the store holds', () => {
  const held = 'ab'.repeat(16) as HoldId;

  const scopes: [string, (pointId: PointId) => HoldScope][] = [
    ['point', (pointId) => ({ kind: 'point', pointId })],
    ['resource', () => ({ kind: 'resource', resourceArn: new Harness().arn })],
    ['tag', () => ({ kind: 'tag', key: 'case', value: '17' })],
  ];
  test.each(scopes)('gets the holds back that fit it: on a %s', async (_kind, scopeOf) => {
    const { harness, pointIds } = await withPoints();
    const [pointId] = pointIds as [PointId];
    const seenAt = harness.clock.now();
    await harness.catalog.resources.put({
      arn: harness.arn,
      kind: 's3-bucket',
      plan: 'daily',
      seenAt,
      tags: { case: '17' },
    });
    await harness.catalog.holds.put({
      holdId: held,
      scope: scopeOf(pointId),
      setBy: 'me',
      reason: 'a case',
      setAt: seenAt,
    });
    await loseHeldRow(harness, pointId);

    await reconcile(harness);

    expect((await rowOf(harness, pointId)).holds).toEqual([held]);
  });

  test('and of which no hold is known gets one that says so, so that it does not expire', async () => {
    const { harness, pointIds } = await withPoints();
    const [pointId] = pointIds as [PointId];
    await loseHeldRow(harness, pointId);
    harness.clock.advance(40 * day);

    await reconcile(harness);
    await reconcile(harness);
    await expirePoints(harness);

    const [hold, ...others] = await Array.fromAsync(harness.catalog.holds.list());
    expect(others).toEqual([]);
    expect(hold).toMatchObject({ setBy: 'holdfast', scope: { kind: 'point', pointId } });
    expect((await rowOf(harness, pointId)).holds).toEqual([hold?.holdId]);
  });

  test('but whose hold was released gets none', async () => {
    const { harness, pointIds } = await withPoints();
    const [pointId] = pointIds as [PointId];
    const setAt = harness.clock.now();
    const scope: HoldScope = { kind: 'point', pointId };
    await harness.catalog.holds.put({
      holdId: held,
      scope,
      setBy: 'me',
      reason: 'a case',
      setAt,
      releasedAt: setAt,
    });
    await loseHeldRow(harness, pointId);

    await reconcile(harness);

    expect((await rowOf(harness, pointId)).holds).toBeUndefined();
  });
});

test('a call that runs out of time says where, and the next one goes on with the next resource', async () => {
  const { harness, pointIds } = await withPoints();
  for (const pointId of pointIds) await harness.catalog.points.remove(pointId);
  const keys = await harness.keys();

  const first = await reconcilePoints(harness, keys, { shouldStop: () => true });
  const second = await reconcilePoints(harness, keys, {
    shouldStop: () => false,
    from: first.next,
  });

  expect(first.next).toBeDefined();
  expect(first.report.recovered + second.report.recovered).toBe(3);
  expect(first.report.roots + second.report.roots).toBe(3);
  expect(second.next).toBeUndefined();
});

/** Two points without a row, two without a root, and a resource that lost both of its roots. */
async function reconcileInCalls(faults: FaultPlan) {
  const { harness, pointIds } = await withPoints();
  const keys = await harness.keys();
  for (let made = 0; made < 3; made += 1)
    pointIds.push((await harness.backUp('full', { keepDays: 35 })).root.point);
  const lost = pointIds.splice(3, 2);
  for (const pointId of lost) await loseRoot(harness, pointId);
  for (const pointId of pointIds.slice(0, 2)) await harness.catalog.points.remove(pointId);
  const arn = 'arn:aws:s3:::emptied' as ResourceArn;
  await harness.catalog.resources.put({
    arn,
    kind: 's3-bucket',
    plan: 'daily',
    seenAt: harness.clock.now(),
  });
  for (let made = 0; made < 2; made += 1) {
    const { root } = await harness.backUp('full', { arn, keepDays: 35 });
    await loseRoot(harness, root.point);
    lost.push(root.point);
  }
  const [missing, sums] = [new Set<PointId>(), { roots: 0, recovered: 0 }];
  let from: ReconcilePlace | undefined;
  for (let calls = 1; calls < 50; calls += 1) {
    const { store, catalog } = harness;
    const services = faults.killed
      ? { store, catalog }
      : { store: withFaults(store, faults), catalog: withFaults(catalog, faults) };
    try {
      const { report, next } = await reconcilePoints(services, keys, { shouldStop: () => true, from });
      for (const pointId of report.missing.pointIds) missing.add(pointId);
      sums.roots += report.roots;
      sums.recovered += report.recovered;
      if (next === undefined) return { harness, pointIds, lost, missing, sums, calls };
      from = ReconcilePlace.parse(JSON.parse(JSON.stringify(next)));
    } catch (error) {
      if (!(error instanceof ProcessKilledError)) throw error;
    }
  }
  throw new Error('it comes to no end');
}

test('goes on within a resource, in calls that have no time and die at any of their calls', async () => {
  const counted = new FaultPlan();
  expect(await reconcileInCalls(counted)).toMatchObject({ sums: { roots: 4, recovered: 2 }, calls: 8 });

  for (const kind of ['kill', 'kill-after'] as const) {
    for (const call of someOf(counted.calls(), 4, kind.length)) {
      const { harness, pointIds, lost, missing, sums } = await reconcileInCalls(
        new FaultPlan([{ kind, call }]),
      );

      expect([call, [...missing].toSorted()]).toEqual([call, lost.toSorted()]);
      expect([call, sums.roots]).toEqual([call, 4]);
      for (const pointId of pointIds) await rowOf(harness, pointId);
    }
  }
});

test('calls without time find each resource that lost all its roots once, one resource a call', async () => {
  const { harness, pointIds } = await withPoints();
  const emptied = Array.from({ length: 20 }, (_, n) => `arn:aws:s3:::emptied-${n}` as ResourceArn);
  for (const arn of emptied) {
    const { root } = await harness.backUp('full', { arn, keepDays: 35 });
    await harness.catalog.resources.put({
      arn,
      kind: 's3-bucket',
      plan: 'daily',
      seenAt: harness.clock.now(),
    });
    pointIds.push(root.point);
    await loseRoot(harness, root.point);
  }
  const keys = await harness.keys();
  const missing: PointId[] = [];
  const resources = new Set([harness.arn, other, ...emptied]).size;

  let calls = 0;
  let from: ReconcilePlace | undefined;
  do {
    calls += 1;
    const { report, next } = await reconcilePoints(harness, keys, { shouldStop: () => true, from });
    missing.push(...report.missing.pointIds);
    from = next;
  } while (from !== undefined);

  expect(missing.toSorted()).toEqual(pointIds.slice(3).toSorted());
  // Those that have roots, then all.
  expect(calls).toBe(2 + resources);
});

test.each(['kill', 'kill-after'] as const)(
  'dying at any call (%s) leaves nothing that the next run does not mend',
  async (kind) => {
    const counted = new FaultPlan();
    const run = async (plan: FaultPlan): Promise<Harness> => {
      const { harness, pointIds } = await withPoints();
      for (const pointId of pointIds) await harness.catalog.points.remove(pointId);
      const services = { store: withFaults(harness.store, plan), catalog: withFaults(harness.catalog, plan) };
      const keys = await harness.keys();
      const result = reconcilePoints(services, keys);
      if (plan === counted) await result;
      else await expect(result).rejects.toThrow(ProcessKilledError);
      return harness;
    };
    await run(counted);

    for (const call of someOf(counted.calls(), 4, kind.length)) {
      const harness = await run(new FaultPlan([{ kind, call }]));
      const { report } = await reconcile(harness);

      expect(report.failures.count, `call ${call}`).toBe(0);
      expect(await Array.fromAsync(harness.catalog.points.list(harness.arn)), `call ${call}`).toHaveLength(2);
      expect(await Array.fromAsync(harness.catalog.points.list(other)), `call ${call}`).toHaveLength(1);
    }
  },
);
