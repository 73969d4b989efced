import { expect, test } from 'vitest';
import { applyHold } from '../../src/holds/apply-hold.ts';
import { reconcileHolds } from '../../src/holds/reconcile-holds.ts';
import { releaseHold, releasePoints } from '../../src/holds/release-hold.ts';
import { setHold } from '../../src/holds/set-hold.ts';
import type { HoldId } from '../../src/ids.ts';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import { MemoryCatalog, MemoryChunkIndex } from '../../src/testing/index.ts';
import { rebuildCatalog } from '../../src/rebuild/rebuild-catalog.ts';
import { isDamaged, verifyPoint } from '../../src/verify/verify-point.ts';
import { maintain } from '../maintenance/old-point.ts';
import { planWith, rowOf } from '../maintenance/maintenance-vault.ts';
import { day, namesIn } from '../runs/harness.ts';
import { blockBytes, ImageHarness, readVolumes } from './image-harness.ts';

const types = ['full', 'incremental', 'differential', 'synthetic-full', 'incremental'] as const;
const holdId = '11111111111111111111111111111111' as HoldId;

/** A vault with points of all types of one volume. */
async function withPoints(seed: string): Promise<{ harness: ImageHarness; points: CommittedPoint[] }> {
  const harness = new ImageHarness(seed);
  const volume = harness.addVolume(300);
  const points: CommittedPoint[] = [];
  for (const [at, type] of types.entries()) {
    for (let index = at; index < 300; index += 20)
      harness.disks.write(volume, index, harness.random.bytes(blockBytes));
    points.push(await harness.backUpImage(type));
  }
  return { harness, points };
}

/** A day of maintenance, every sixth of so many days. */
async function pass(
  harness: ImageHarness,
  days: number,
  plan = planWith({ keepDays: 35, minimumPoints: 0 }),
) {
  for (let passed = 0; passed < days; passed += 6) {
    harness.clock.advance(6 * day);
    await reconcileHolds(harness.services, await harness.keys());
    await maintain(harness, plan);
  }
}

test('a point under legal hold keeps its blocks after its retention ends, and goes when it is released', async () => {
  const { harness, points } = await withPoints('hold');
  const { root } = points[1] as CommittedPoint;
  const expected = harness.contentsOf(root.run);
  const scope = { kind: 'point', pointId: root.point } as const;
  const hold = await setHold(harness.services, { holdId, scope, setBy: 'a lawyer', reason: 'case 7' });
  expect((await applyHold(harness.services, await harness.keys(), hold)).failures.count).toBe(0);

  await pass(harness, 90);

  expect((await harness.committed()).map(({ point }) => point)).toEqual([root.point]);
  const reader = await harness.open(root.point);
  expect(await readVolumes(reader)).toEqual(expected);
  expect(isDamaged(await verifyPoint(reader))).toBe(false);

  await releaseHold(harness.services, { holdId, releasedBy: 'a judge', reason: 'case 7 is over' });
  await releasePoints(harness.services, await harness.keys(), new Set([holdId]));
  await pass(harness, 60);

  expect(await harness.committed()).toEqual([]);
  expect(await namesIn(harness.store, 'packs/')).toEqual([]);
  expect(await namesIn(harness.store, 'containers/')).toEqual([]);
});

test('the newest point of a volume that is gone is kept for as long as the plan says, a generation at a time', async () => {
  const { harness, points } = await withPoints('kept');
  const { root } = points.at(-1) as CommittedPoint;

  await pass(harness, 200, planWith({ keepDays: 35, minimumPoints: 1 }));

  const reader = await harness.open(root.point);
  expect(await readVolumes(reader)).toEqual(harness.contentsOf(root.run));
  const { expiresAt } = await rowOf(harness, root.point);
  expect(expiresAt.getTime()).toBeGreaterThan(harness.clock.now().getTime());
  for (const [name, until] of await harness.locksOf(reader.root))
    expect(until.getTime(), name).toBeGreaterThanOrEqual(expiresAt.getTime());
});

test('a catalog that is lost is rebuilt with the points of images as they were', async () => {
  const { harness, points } = await withPoints('rebuild');
  const tables = { catalog: new MemoryCatalog(), index: new MemoryChunkIndex() };

  await rebuildCatalog({ ...harness.services, ...tables }, await harness.keys());

  for (const { root } of points) {
    const row = await tables.catalog.points.find(root.point);
    expect(row).toEqual(await rowOf(harness, root.point));
    expect(row).toMatchObject({ hasBlocks: true, resourceKind: 'ec2-instance' });
  }
  expect(packs(tables.catalog)).toEqual(packs(harness.catalog));
});

function packs(catalog: MemoryCatalog) {
  return catalog
    .packRows()
    .map(({ packId, state }) => ({ packId, state }))
    .sort((a, b) => a.packId.localeCompare(b.packId));
}
