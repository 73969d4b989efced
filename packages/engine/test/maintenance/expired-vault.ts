import { expect } from 'vitest';
import { createChunkIdReader } from '../../src/maintenance/pack-chunk-ids.ts';
import { expirePoints, type ExpireServices } from '../../src/maintenance/expire-points.ts';
import { sweepPacks, type SweepServices } from '../../src/maintenance/sweep-packs.ts';
import { sweepPartitions } from '../../src/ports/catalog/packs.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import { FaultPlan, withFaults } from '../../src/testing/index.ts';
import { day, describeState, Harness, namesIn, type State } from '../runs/harness.ts';
import { rowOf } from './maintenance-vault.ts';

/** Shards so small that a point has several packs. */
export const limits = { files: 3, bytes: 2 ** 30 };

/** Two points: a full whose retention has ended, and another that shares some of its packs and stays. */
export interface Prepared {
  readonly harness: Harness;
  readonly old: PointRow;
  readonly kept: PointRow;
  readonly keptState: State;
}

/** An old full with packs of its own and packs that a later point needs; everything of it that is due is overdue. */
export async function prepare(seed = 'sweep'): Promise<Prepared> {
  const harness = new Harness(seed);
  for (let file = 0; file < 9; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(1_000));
  const first = await harness.backUp('full', { limits, keepDays: 10 });
  harness.clock.advance(8 * day);
  for (let file = 0; file < 3; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(900));
  const second = await harness.backUp('full', { limits, keepDays: 40 });
  const keptState = await harness.snapshotOfSource();
  harness.clock.advance(20 * day);
  return {
    harness,
    old: await rowOf(harness, first.root.point),
    kept: await rowOf(harness, second.root.point),
    keptState,
  };
}

export async function sweepServices(
  harness: Harness,
  plan = new FaultPlan(),
): Promise<SweepServices & ExpireServices> {
  const store = withFaults(harness.store, plan);
  return {
    store,
    catalog: withFaults(harness.catalog, plan),
    index: withFaults(harness.index, plan),
    listChunkIds: createChunkIdReader(store, await harness.keys()),
  };
}

export async function maintain(harness: Harness, plan = new FaultPlan()): Promise<void> {
  const services = await sweepServices(harness, plan);
  const { failures } = await expirePoints(services);
  expect(failures.messages).toEqual([]);
  for (let partition = 0; partition < sweepPartitions; partition += 1) {
    const swept = await sweepPacks(services, { partition });
    expect(swept).toMatchObject({ done: true, locked: 0 });
    expect(swept.failures.messages).toEqual([]);
  }
}

/** What is left, in a form that compares well: objects, rows of packs, points and items of the index. */
export async function remains(harness: Harness): Promise<unknown> {
  const points: string[] = [];
  for await (const { pointId } of harness.catalog.points.list(harness.arn)) points.push(pointId);
  return {
    objects: await namesIn(harness.store),
    packs: harness.catalog
      .packRows()
      .map(({ packId, state }) => `${packId} ${state}`)
      .sort(),
    points,
    chunks: harness.index.size,
  };
}

export async function expectKept({ harness, kept, keptState }: Prepared, where = ''): Promise<void> {
  const { state, outcome } = await harness.restore(kept.pointId);
  expect(outcome.failed, where).toEqual([]);
  expect(describeState(state), where).toEqual(describeState(keptState));
}
