import { expect, test } from 'vitest';
import { modelJoin } from './join-model.ts';
import { modelListing } from './list-model.ts';
import { limits } from './limits.ts';
import { modelRun } from './model-run.ts';
import { modelWork } from './work-model.ts';

const objectBytes = 64 * 1024;
const objects = 1e7;
const listed = await modelListing(objects, objectBytes, 10, 100);

test('ten million objects are listed side by side, in a fraction of the time of one listing', () => {
  expect(listed.shards.length).toBeGreaterThanOrEqual(1_000);
  expect(listed.shards.length).toBeLessThan(1_100);
  expect(listed.pages).toBeLessThan((objects / limits.listKeys.value) * 1.1);
  const oneAfterTheOther = (listed.pages * limits.listMs.value) / 1000;
  expect(listed.seconds).toBeLessThan(oneAfterTheOther / 5);
});

test('workers that are spread over a bucket go as fast as they can, neighbours as fast as one partition', () => {
  const options = {
    shards: 10_000,
    filesAShard: 10_000,
    filesASecond: 100,
    workers: 200,
    partitions: 16,
    tableWrites: limits.tableWrites.value,
  };
  const neighbours = modelWork({ ...options, order: (nth) => nth });
  const spread = modelWork({ ...options, order: (nth) => (nth * 6_181) % 10_000 });

  expect(neighbours.hottestReads).toBe(limits.partitionReads.value);
  expect(spread.hottestReads).toBeLessThan(limits.partitionReads.value / 2);
  expect(spread.seconds).toBeLessThan(neighbours.seconds / 3);
});

test('a table that was never busy cuts off the calls of too many workers', () => {
  const options = {
    shards: 1_000,
    filesAShard: 10_000,
    filesASecond: 100,
    order: (nth: number) => nth,
    partitions: 1_000,
  };

  expect(modelWork({ ...options, workers: 50, tableWrites: limits.newTableWrites.value }).cutOff).toBe(0);
  expect(
    modelWork({ ...options, workers: 1_000, tableWrites: limits.newTableWrites.value }).cutOff,
  ).toBeGreaterThan(0);
});

test('groups make the join of a large source a matter of minutes, and its root small', async () => {
  const join = await modelJoin(2, 8, 20);
  const options = {
    objects,
    objectBytes,
    workers: 100,
    tableWrites: limits.tableWrites.value,
    listed,
    join,
  };

  const built = modelRun({ ...options, way: 'built' });
  const before = modelRun({ ...options, way: 'before' });

  expect(built.broken).toEqual([]);
  expect(before.broken.map(({ limit }) => limit)).toContain('partitionReads');
  expect(built.hours.join).toBeLessThan(before.hours.join / 5);
  expect(built.rootBytes).toBeLessThan(before.rootBytes / 5);
  expect(join.leasedPacks).toBeGreaterThan(0);
});
