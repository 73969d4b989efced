import { expect } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { RunId } from '../../src/ids.ts';
import { protectShard } from '../../src/protect/protect-shard.ts';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import { openRun, type OpenedRun } from '../../src/runs/open-run.ts';
import { verifyPoint } from '../../src/verify/verify-point.ts';
import { countReferences, describeState, Harness, minute, packMapOf } from '../runs/harness.ts';
import { shardsOf } from '../runs/opened-run.ts';

export type Open = Extract<OpenedRun, { state: 'open' }>;

/** A run of which all shards are protected: some changed, with stretches that did not between them. */
export async function withShards(): Promise<{ harness: Harness; run: Open; shards: number }> {
  const harness = new Harness('join');
  const { source, random } = harness;
  for (let file = 100; file < 140; file += 1) source.plant(`file ${file}`, random.bytes(300));
  await harness.backUp('full', { limits: { files: 4, bytes: 2 ** 30 } });
  harness.clock.advance(minute);
  for (const file of [110, 117, 118, 119, 130, 139]) source.plant(`file ${file}`, random.bytes(310));
  for (const file of [112, 113, 114, 115]) source.remove(`file ${file}`);
  harness.clock.advance(minute);
  const run = await openRun(
    harness.services,
    harness.request('incremental', { runId: newId<RunId>(harness.random) }),
  );
  if (run.state === 'over') throw new Error('the run is over');
  const { plan, keys } = run;
  const shards = await shardsOf(harness, plan.runId);
  for (const shard of shards) await protectShard(harness.services, shard, { plan, keys, source });
  return { harness, run, shards: shards.length };
}

/** Checks that a point is whole: its content, its pack map, and its locks. */
export async function expectComplete(harness: Harness, { root }: CommittedPoint): Promise<void> {
  const reader = await harness.open(root.point);
  expect(await verifyPoint(reader)).toMatchObject({ damagedFileCount: 0, problems: [] });
  expect(describeState((await harness.restore(root.point)).state)).toEqual(
    describeState(await harness.snapshotOfSource()),
  );
  const mapped = (await packMapOf(reader)).map(
    ({ packId, references, liveBytes }) => [packId, { references, liveBytes }] as const,
  );
  expect(new Map(mapped)).toEqual(await countReferences(reader));
  const until = Date.parse(root.expiresAt);
  for (const lock of (await harness.locksOf(root)).values())
    expect(lock.getTime()).toBeGreaterThanOrEqual(until);
}
