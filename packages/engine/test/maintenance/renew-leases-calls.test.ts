import { expect, test } from 'vitest';
import type { PointId } from '../../src/ids.ts';
import { prolongPoint } from '../../src/maintenance/prolong-point.ts';
import {
  addRenewals,
  noRenewals,
  renewResource,
  type RenewState,
} from '../../src/maintenance/renew-leases.ts';
import { withDamage } from '../damage/damaged-store.ts';
import { day, Harness } from '../runs/harness.ts';
import { planWith, renewServices, rowOf } from './maintenance-vault.ts';
import { expectKept, keepLatest, withOldPoint } from './old-point.ts';

test('a call that runs out of time says where, and the next one goes on from there', async () => {
  const { harness, pointId, state } = await withOldPoint();
  const row = await rowOf(harness, pointId);
  const expiresAt = new Date(harness.clock.now().getTime() + 90 * day);
  const services = renewServices(harness, keepLatest);
  const keys = await harness.keys();
  const options = { packsAtOnce: 2 };

  const first = await prolongPoint(
    services,
    keys,
    row,
    { expiresAt },
    { ...options, shouldStop: () => true },
  );
  if (first.state !== 'unfinished') throw new Error(first.state);
  const midway = await rowOf(harness, pointId);
  const leased = harness.catalog
    .packRows()
    .filter(({ kind, lockUntil }) => kind === 'chunks' && lockUntil >= expiresAt);
  const second = await prolongPoint(
    services,
    keys,
    row,
    { expiresAt },
    { ...options, progress: first.progress },
  );

  expect(midway.expiresAt).toEqual(row.expiresAt);
  expect(leased).toHaveLength(2);
  expect(second).toMatchObject({ state: 'prolonged', packs: 1, lost: { count: 0 } });
  expect((await rowOf(harness, pointId)).expiresAt).toEqual(expiresAt);
  await expectKept(harness, pointId, state);
});

test('packs that an earlier call leased to an earlier date are leased again', async () => {
  const { harness, pointId, state } = await withOldPoint();
  const row = await rowOf(harness, pointId);
  const services = renewServices(harness, keepLatest);
  const keys = await harness.keys();
  const inDays = (days: number) => ({ expiresAt: new Date(harness.clock.now().getTime() + days * day) });

  const first = await prolongPoint(services, keys, row, inDays(30), {
    packsAtOnce: 2,
    shouldStop: () => true,
  });
  if (first.state !== 'unfinished') throw new Error(first.state);
  const second = await prolongPoint(services, keys, row, inDays(60), { progress: first.progress });

  expect(second).toMatchObject({ state: 'prolonged', lost: { count: 0 } });
  expect((await rowOf(harness, pointId)).expiresAt).toEqual(inDays(60).expiresAt);
  await expectKept(harness, pointId, state);
});

test('a call that runs out of time between two points says where, and the next one goes on there', async () => {
  const harness = new Harness('many points');
  harness.source.plant('file', 'content');
  for (let made = 0; made < 5; made += 1) await harness.backUp('incremental', { keepDays: 10 });
  harness.clock.advance(8 * day);
  const plan = planWith({ keepDays: 10, minimumPoints: 5 });
  const keys = await harness.keys();

  let calls = 0;
  let renewed = 0;
  for (let state: RenewState | undefined; calls === 0 || state !== undefined; calls += 1) {
    const call = await renewResource(renewServices(harness, plan), keys, harness.arn, {
      shouldStop: () => true,
      state,
    });
    state = call.state;
    renewed += call.report.renewed;
  }

  expect({ calls, renewed }).toEqual({ calls: 5, renewed: 5 });
});

test('points that fail every time do not keep a call that has little time from the others', async () => {
  const harness = new Harness('failing first');
  harness.source.plant('file', 'content');
  const points: PointId[] = [];
  for (let made = 0; made < 3; made += 1)
    points.push((await harness.backUp('incremental', { keepDays: 10 })).root.point);
  harness.clock.advance(8 * day);
  const plan = planWith({ keepDays: 10, minimumPoints: 3 });
  const newest = await rowOf(harness, points[2] as PointId);
  const services = renewServices(harness, plan);
  const store = withDamage(harness.store, new Map([[newest.rootName, new Uint8Array(100)]]));

  let report = noRenewals;
  for (let state: RenewState | undefined, first = true; first || state !== undefined; first = false) {
    const call = await renewResource({ ...services, store }, await harness.keys(), harness.arn, {
      shouldStop: () => true,
      state,
    });
    state = call.state;
    report = addRenewals(report, call.report);
  }

  expect(report).toMatchObject({ renewed: 2, unreadable: { count: 1 } });
});
