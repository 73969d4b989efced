import { expect } from 'vitest';
import type { PointId } from '../../src/ids.ts';
import { createChunkIdReader } from '../../src/maintenance/pack-chunk-ids.ts';
import { expirePoints } from '../../src/maintenance/expire-points.ts';
import { listResourcesToRenew, renewResource, ToRenew } from '../../src/maintenance/renew-leases.ts';
import { sweepPacks } from '../../src/maintenance/sweep-packs.ts';
import { describeState, Harness, type State } from '../runs/harness.ts';
import { planWith, renewServices, rowOf } from './maintenance-vault.ts';

/** Shards so small that a point has several packs. */
export const limits = { files: 3, bytes: 2 ** 30 };
/** Of a source that stopped, the newest point stays. */
export const keepLatest = planWith({ keepDays: 10, minimumPoints: 1 });

/** One full of nine files in three packs, whose retention of ten days ends in an hour. */
export async function withOldPoint(
  seed = 'renew',
): Promise<{ harness: Harness; pointId: PointId; state: State }> {
  const harness = new Harness(seed);
  for (let file = 0; file < 9; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(1_000));
  const { root } = await harness.backUp('full', { limits, keepDays: 10 });
  const state = await harness.snapshotOfSource();
  harness.clock.set(new Date(Date.parse(root.expiresAt) - 3_600_000));
  return { harness, pointId: root.point, state };
}

/** A day of maintenance, as far as renewing, expiring and sweeping go. */
export async function maintain(harness: Harness, plan = keepLatest): Promise<void> {
  const { store, catalog, index } = harness;
  const lists = await resourcesToRenew(harness);
  for (const arn of lists.flat()) {
    const { report } = await renewResource(renewServices(harness, plan), await harness.keys(), arn);
    expect(report.failures.messages).toEqual([]);
  }
  await expirePoints({ store, catalog });
  await sweepPacks({ store, catalog, index, listChunkIds: createChunkIdReader(store, await harness.keys()) });
}

/** Everything that the point needs is locked for as long as the catalog keeps it, and it restores. */
export async function expectKept(
  harness: Harness,
  pointId: PointId,
  state: State,
  where = '',
): Promise<void> {
  const row = await rowOf(harness, pointId);
  const restored = await harness.restore(pointId);
  expect(describeState(restored.state), where).toEqual(describeState(state));
  const root = (await harness.open(pointId)).root;
  for (const [name, until] of await harness.locksOf(root))
    expect(until.getTime(), `${where} ${name}`).toBeGreaterThanOrEqual(row.expiresAt.getTime());
}

/** The lists of a day, however few points a call has time for. */
export async function resourcesToRenew(harness: Harness, shouldStop = () => false) {
  const now = harness.clock.now();
  const options = { shouldStop, pointsAtOnce: 1 };
  let step = await listResourcesToRenew(harness.catalog, now, options);
  while (!step.done) {
    const state = ToRenew.parse(JSON.parse(JSON.stringify(step.state)));
    step = await listResourcesToRenew(harness.catalog, now, { ...options, state });
  }
  return step.lists;
}
