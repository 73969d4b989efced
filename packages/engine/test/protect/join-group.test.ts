import { expect, test } from 'vitest';
import { groupShards, joinGroup } from '../../src/protect/join-group.ts';
import { joinSomeShards } from '../../src/protect/join-shards.ts';
import { getShardResult, type ShardResult } from '../../src/protect/shard-result.ts';
import { commitPoint, type CommittedPoint } from '../../src/runs/commit-point.ts';
import { logicalPartsOf } from '../runs/harness.ts';
import { expectComplete, withShards } from './protected-shards.ts';

async function joinInGroups(shardsAGroup: number) {
  const scene = await withShards();
  const { harness, run, shards } = scene;
  const { services } = harness;
  const groups: ShardResult[] = [];
  for (let first = 0; first < shards; first += shardsAGroup) {
    const group = { index: groups.length, first, count: Math.min(shardsAGroup, shards - first) };
    // The second attempt leaves other packs, and its result counts.
    await joinGroup(services, run.keys, run.plan, group);
    groups.push(await joinGroup(services, run.keys, run.plan, group));
  }
  const step = await joinSomeShards(services, run.keys, run.plan, shards, {
    groupCount: groups.length,
    shouldStop: () => false,
  });
  if (!step.done) throw new Error('the join stopped');
  const made: CommittedPoint = await commitPoint(services, run.keys, run.plan, async () => step.content);
  return { ...scene, groups, made };
}

test.each([1, 2, 4, 9])('shards that are joined %i a group become the same point', async (shardsAGroup) => {
  const { harness, groups, made } = await joinInGroups(shardsAGroup);

  expect(groups).toHaveLength(Math.ceil(9 / shardsAGroup));
  await expectComplete(harness, made);
  expect(made.root.counts).toMatchObject({ files: 36, filesChanged: 6, filesRemoved: 4 });
  const whole = await harness.backUp('full');
  expect(await logicalPartsOf(await harness.open(made.root.point))).toEqual(
    await logicalPartsOf(await harness.open(whole.root.point)),
  );
});

test('a group has its pages in packs of its own, and none of those that its shards wrote is named', async () => {
  const { harness, run, shards, groups, made } = await joinInGroups(9);
  const results = await Promise.all(
    Array.from({ length: shards }, async (_, index) => getShardResult(harness.work, run.plan.runId, index)),
  );
  const ofShards = results.flatMap(({ pagePacks }) => pagePacks.map(({ pack }) => pack));

  expect(ofShards.length).toBeGreaterThan(2);
  expect(groups[0]?.pagePacks).toHaveLength(1);
  const named = new Set(made.root.pagePacks.map(({ pack }) => pack));
  expect(ofShards.filter((pack) => named.has(pack))).toEqual([]);
});

test('a group that changed nothing writes nothing, and the base is taken for it', async () => {
  const { groups } = await joinInGroups(1);
  const unchanged = groups.filter((group) => group.unchanged);

  expect(unchanged.length).toBeGreaterThan(0);
  expect(unchanged.every(({ manifest, pagePacks }) => manifest === undefined && pagePacks.length === 0)).toBe(
    true,
  );
});

test('few shards make no group, and many make groups that have each of them once', () => {
  expect(groupShards(0)).toEqual([]);
  expect(groupShards(128)).toEqual([]);
  expect(groupShards(300)).toEqual([
    { index: 0, first: 0, count: 128 },
    { index: 1, first: 128, count: 128 },
    { index: 2, first: 256, count: 44 },
  ]);
});
