import { expect, test } from 'vitest';
import type { HoldId } from '../../src/ids.ts';
import { pageName } from '../../src/packs/object-names.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import { listStoredStates } from '../../src/verify/stored-states.ts';
import { minute, Harness } from '../runs/harness.ts';

async function statesOf(harness: Harness, onUnread: (point: PointRow) => void = () => {}) {
  const points = await Array.fromAsync(harness.catalog.points.list(harness.arn));
  const services = { ...harness.services, keys: await harness.keys() };
  return Array.fromAsync(listStoredStates(services, points, { now: harness.clock.now(), onUnread }));
}

test('says of an object that the store does not have any more that it is gone', async () => {
  const harness = new Harness('states');
  harness.source.plant('a', harness.random.bytes(50_000));
  await harness.backUp('full');
  const [pack] = (await statesOf(harness)).filter(({ kind }) => kind === 'chunks');
  harness.clock.advance(400 * 24 * 60 * minute);
  await harness.store.removeVersion(pack?.name ?? '', pack?.state?.versionId ?? '');

  const after = await statesOf(harness);

  expect(after.find(({ name }) => name === pack?.name)).toMatchObject({ problem: 'it is gone' });
  expect(after.filter(({ problem }) => problem !== undefined)).toHaveLength(1);
});

/** Two points, a day apart, of one file that stays as it is. */
async function backUpTwice() {
  const harness = new Harness('states');
  harness.source.plant('a', harness.random.bytes(50_000));
  const { root } = await harness.backUp('full');
  harness.clock.advance(24 * 60 * minute);
  const second = await harness.backUp('incremental');
  return { harness, root, second };
}

test('each point that lacks a page of its pack map is named, also where they share it', async () => {
  const { harness, root, second } = await backUpTwice();
  const damaged: string[] = [];
  expect(second.root.packMap).toEqual(root.packMap);
  harness.clock.advance(400 * 24 * 60 * minute);
  for (const { pack, version } of root.pagePacks) await harness.store.removeVersion(pageName(pack), version);

  await statesOf(harness, ({ pointId }) => damaged.push(pointId));

  expect(damaged.toSorted()).toEqual([root.point, second.root.point].toSorted());
});

test('an object counts as needed until the last of the points that need it, and holds end nothing early', async () => {
  const { harness, root, second } = await backUpTwice();
  const neededUntil = async () =>
    (await statesOf(harness))
      .filter(({ kind }) => kind === 'chunks')
      .map(({ keptUntil, problem }) => [keptUntil.toISOString(), problem]);

  expect(await neededUntil()).toEqual([[second.root.expiresAt, undefined]]);

  const late = new Date(harness.clock.now().getTime() + 1e12);
  await harness.catalog.points.prolong(root.point, late);
  expect(await neededUntil()).toEqual([[late.toISOString(), expect.stringMatching(/^it is locked until/)]]);
  await harness.catalog.points.addHold(root.point, 'ab'.repeat(16) as HoldId);
  expect(await neededUntil()).toEqual([[late.toISOString(), undefined]]);

  harness.clock.advance(3_650 * 24 * 60 * minute);
  expect(await neededUntil()).toEqual([[late.toISOString(), expect.stringMatching(/^it is locked until/)]]);
});
