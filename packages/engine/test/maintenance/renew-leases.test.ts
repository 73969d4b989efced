import { describe, expect, test } from 'vitest';
import type { HoldId, PackId, ResourceArn } from '../../src/ids.ts';
import { decideRetention } from '../../src/maintenance/decide-retention.ts';
import { expirePoints } from '../../src/maintenance/expire-points.ts';
import { prolongPoint } from '../../src/maintenance/prolong-point.ts';
import { renewResource } from '../../src/maintenance/renew-leases.ts';
import { sweepPacks } from '../../src/maintenance/sweep-packs.ts';
import { objectNameOf } from '../../src/packs/object-names.ts';
import { resourceKeyOf } from '../../src/points/point-id.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import { FaultPlan, ProcessKilledError, withFaults } from '../../src/testing/index.ts';
import { day, Harness } from '../runs/harness.ts';
import { nextBoundary, planWith, renewServices, rowOf } from './maintenance-vault.ts';
import { expectKept, keepLatest, limits, maintain, resourcesToRenew, withOldPoint } from './old-point.ts';

const holdId = 'a hold' as HoldId;
const keepNothing = planWith({ keepDays: 10, minimumPoints: 0 });

function chunkPack(harness: Harness): PackRow {
  return harness.catalog.packRows().find(({ kind }) => kind === 'chunks') as PackRow;
}

test('the newest point of a source that stopped is kept for years, a generation at a time', async () => {
  const { harness, pointId, state } = await withOldPoint();
  harness.store.resetCounters();

  for (let week = 0; week < 104; week += 1) {
    await maintain(harness);
    harness.clock.advance(7 * day - 3_600_000);
  }

  await expectKept(harness, pointId, state);
  const packs = harness.catalog.packRows().length;
  // Packs, root, format.json and two keys, about once for each of the generations of seven days.
  expect(harness.store.requests('extendLock')).toBeLessThanOrEqual((packs + 4) * 106);
});

test.each([1, 2, 3])(
  'of a plan that keeps %i days, too, the newest point is locked at any time',
  async (keepDays) => {
    for (const startHour of [0, 9, 18]) {
      const harness = new Harness('short');
      harness.source.plant('file', 'content');
      harness.clock.advance(startHour * 3_600_000);
      const { root } = await harness.backUp('full', { keepDays });
      harness.clock.set(new Date(Math.ceil(harness.clock.now().getTime() / day) * day));

      for (let days = 0; days < 40; days += 1) {
        const { expiresAt } = await rowOf(harness, root.point);
        expect(expiresAt.getTime(), `day ${days}`).toBeGreaterThan(harness.clock.now().getTime());
        await maintain(harness, planWith({ keepDays, minimumPoints: 1 }));
        // Maintenance begins once a day, and has to do more on some days than on others.
        harness.clock.advance(day + (days % 2 === 0 ? 1 : -1) * 3 * 3_600_000);
      }
    }
  },
);

test('a resource whose points cannot be listed is an answer, and stops no other', async () => {
  const { harness } = await withOldPoint();
  const services = renewServices(harness, keepLatest);
  const catalog = withFaults(
    harness.catalog,
    new FaultPlan([{ kind: 'throttle', call: 1, method: 'points.list' }]),
  );

  const { report, state } = await renewResource({ ...services, catalog }, await harness.keys(), harness.arn);

  expect(report).toMatchObject({ renewed: 0, failures: { count: 1 } });
  expect(report.failures.messages[0]).toContain(harness.arn);
  expect(state).toBeUndefined();
});

test('a point that nothing keeps is not prolonged', async () => {
  const { harness, pointId } = await withOldPoint();

  harness.store.resetCounters();
  await maintain(harness, keepNothing);

  expect(harness.store.requests('extendLock')).toBe(0);
  harness.clock.advance(day);
  await maintain(harness, keepNothing);
  expect(await harness.catalog.points.find(pointId)).toBeUndefined();
});

test('a held point is kept although its plan is not deployed any more, and the others of the plan are not', async () => {
  const { harness, pointId, state } = await withOldPoint();
  harness.clock.advance(-day);
  const second = await harness.backUp('full', { limits, keepDays: 10 });
  harness.clock.advance(day);
  await harness.catalog.points.addHold(pointId, holdId);
  const gone = { ...keepLatest, name: 'another' };

  const services = renewServices(harness, gone);
  const { report } = await renewResource(services, await harness.keys(), harness.arn);

  expect(report).toMatchObject({ renewed: 1, withoutPlan: 1 });
  await expectKept(harness, pointId, state);
  expect(
    (await rowOf(harness, pointId)).expiresAt > (await rowOf(harness, second.root.point)).expiresAt,
  ).toBe(true);
});

test('a longer retention of a plan keeps the points that it already has', async () => {
  const { harness, pointId, state } = await withOldPoint();
  const { committedAt } = await rowOf(harness, pointId);

  await maintain(harness, planWith({ keepDays: 12, minimumPoints: 0 }));

  expect((await rowOf(harness, pointId)).expiresAt).toEqual(new Date(committedAt.getTime() + 12 * day));
  await expectKept(harness, pointId, state);
});

test('leases end with a generation of the resource, so that resources do not renew on one day', async () => {
  const { harness, pointId } = await withOldPoint();

  await maintain(harness);

  const boundary = nextBoundary(harness, 10);
  expect((await rowOf(harness, pointId)).expiresAt).toEqual(boundary);
  for (const { lockUntil } of harness.catalog.packRows()) expect(lockUntil).toEqual(boundary);
});

test('points that are kept for very long are prolonged by generations until they are containers', async () => {
  const { harness, pointId, state } = await withOldPoint();
  const plan = planWith({ keepDays: 10, minimumPoints: 0, yearly: 2, containerAfterDays: 100 });

  const { report } = await renewResource(renewServices(harness, plan), await harness.keys(), harness.arn);

  const { decisions } = await decideRetention(harness.catalog, [plan], harness.arn, harness.clock.now());
  expect(decisions.find(({ point }) => point.pointId === pointId)).toMatchObject({
    container: true,
    keepUntil: new Date('2029-01-01T00:00:00.000Z'),
  });
  expect(report.renewed).toBe(1);
  expect((await rowOf(harness, pointId)).expiresAt).toEqual(nextBoundary(harness, 10));
  await expectKept(harness, pointId, state);
});

test('a point whose container turns out to be damaged is kept in its place', async () => {
  const { harness, pointId, state } = await withOldPoint();
  const plan = planWith({ keepDays: 10, minimumPoints: 0, yearly: 2, containerAfterDays: 100 });
  const { root } = await harness.backUp('synthetic-full', { keepDays: 1_000 });
  const decide = async () => decideRetention(harness.catalog, [plan], harness.arn, harness.clock.now());
  const before = (await decide()).decisions.filter(({ reasons }) => reasons.includes('yearly'));

  await harness.catalog.packs.markDamaged(root.container?.pack as PackId);
  await renewResource(renewServices(harness, plan), await harness.keys(), harness.arn);

  expect(before.map(({ point }) => point.pointId)).toEqual([root.point]);
  expect((await decide()).decisions.filter(({ container }) => container)).toMatchObject([
    { point: { pointId } },
  ]);
  await expectKept(harness, pointId, state);
  expect((await rowOf(harness, pointId)).expiresAt).toEqual(nextBoundary(harness, 10));
});

test('resources are divided by their keys: those with points that expire soon, and those with held ones', async () => {
  const { harness, pointId } = await withOldPoint();
  const other = 'arn:aws:s3:::others' as ResourceArn;
  await harness.backUp('full', { limits, keepDays: 90, arn: other });

  const lists = await resourcesToRenew(harness);
  const listsOfManyCalls = await resourcesToRenew(harness, () => true);
  const { root } = await harness.backUp('full', { limits, keepDays: 90, arn: other });
  await harness.catalog.points.addHold(root.point, holdId);
  await harness.catalog.points.addHold(pointId, holdId);
  const withHeld = await resourcesToRenew(harness);
  const inManyCalls = await resourcesToRenew(harness, () => true);

  expect(lists).toHaveLength(16);
  expect(lists.flat()).toEqual([harness.arn]);
  expect(lists[Number.parseInt(resourceKeyOf(harness.arn).slice(0, 1), 16)]).toEqual([harness.arn]);
  expect(listsOfManyCalls).toEqual(lists);
  expect(inManyCalls).toEqual(withHeld);
  expect(withHeld.flat().sort()).toEqual([other, harness.arn].sort());
});

test('keys and format file are locked before any pack is leased beyond them', async () => {
  const { harness } = await withOldPoint();
  const faults = new FaultPlan([{ kind: 'kill', method: 'packs.raiseLockUntil', call: 1 }]);

  const services = renewServices(harness, keepLatest, faults);
  await expect(renewResource(services, await harness.keys(), harness.arn)).rejects.toThrow(
    ProcessKilledError,
  );

  const boundary = nextBoundary(harness, 10);
  expect((await harness.store.head('format.json')).lock?.until).toEqual(boundary);
  for await (const { name } of harness.store.listVersions('keys/'))
    expect((await harness.store.head(name)).lock?.until, name).toEqual(boundary);
});

describe('a pack that cannot be leased', () => {
  test.each(['deleting', 'damaged', 'lost'] as const)(
    'but is there, %s, is locked by the store alone',
    async (what) => {
      const { harness, pointId, state } = await withOldPoint();
      const row = chunkPack(harness);
      if (what === 'deleting') harness.catalog.plantPack({ ...row, state: 'deleting' });
      if (what === 'damaged') harness.catalog.plantPack({ ...row, damaged: true });
      if (what === 'lost') harness.catalog.losePack(row.packId);

      await maintain(harness);
      harness.clock.advance(6 * day);
      await maintain(harness);

      await expectKept(harness, pointId, state);
    },
  );

  test('and is gone, costs a point that is in time nothing but that pack', async () => {
    const { harness, pointId } = await withOldPoint();
    const row = chunkPack(harness);
    const now = harness.clock.now();
    harness.clock.set('2100-01-01T00:00:00Z');
    await harness.store.removeVersion(objectNameOf(row), row.versionId ?? '');
    harness.clock.set(now);

    const { report } = await renewResource(
      renewServices(harness, keepLatest),
      await harness.keys(),
      harness.arn,
    );

    expect(report).toMatchObject({ renewed: 1, lostPacks: 1, tooLate: 0 });
    expect((await rowOf(harness, pointId)).expiresAt).toEqual(nextBoundary(harness, 10));
  });

  test('and holds the pages that name the others, leaves the point to expire, and is reported', async () => {
    const { harness, pointId } = await withOldPoint();
    harness.clock.advance(60 * day);
    const { store, catalog, index } = harness;
    await sweepPacks({ store, catalog, index, listChunkIds: async () => Promise.resolve([]) });
    const before = await rowOf(harness, pointId);

    const { report } = await renewResource(
      renewServices(harness, keepLatest),
      await harness.keys(),
      harness.arn,
    );

    expect(report).toMatchObject({ renewed: 0, unreadable: { count: 1 }, failures: { count: 0 } });
    expect(report.unreadable.messages[0]).toContain(pointId);
    expect(await rowOf(harness, pointId)).toEqual(before);
    expect(await expirePoints({ store, catalog })).toMatchObject({ expired: 1 });
  });
});

test('an overdue point is prolonged as long as everything is still there', async () => {
  const { harness, pointId, state } = await withOldPoint();
  harness.clock.advance(day);

  await maintain(harness);

  await expectKept(harness, pointId, state);
});

test('an overdue point of which one pack has been swept is left to expire', async () => {
  const { harness, pointId } = await withOldPoint();
  harness.clock.advance(30 * day);
  const row = harness.catalog.packRows().find(({ kind }) => kind === 'chunks') as PackRow;
  await harness.store.removeVersion(objectNameOf(row), row.versionId ?? '');

  const { report } = await renewResource(
    renewServices(harness, keepLatest),
    await harness.keys(),
    harness.arn,
  );

  expect(report).toMatchObject({ renewed: 0, tooLate: 1, lostPacks: 1 });
  await maintain(harness);
  expect(await harness.catalog.points.find(pointId)).toBeUndefined();
});

test('a point that is expiring is gone for whoever wants to prolong it', async () => {
  const { harness, pointId } = await withOldPoint();
  const row = await rowOf(harness, pointId);
  harness.clock.advance(2 * 3_600_000);
  await harness.catalog.points.startExpiring(pointId, harness.clock.now());

  const outcome = await prolongPoint(renewServices(harness, keepLatest), await harness.keys(), row, {
    expiresAt: new Date(harness.clock.now().getTime() + day),
  });

  expect(outcome).toEqual({ state: 'gone' });
});
