import { expect, test } from 'vitest';
import { Harness } from './harness.ts';

test('a run that opens in the second of the one before it has the later source time', async () => {
  const harness = new Harness('same second');
  harness.source.plant('file', 'content');
  const points = [];
  for (const type of ['full', 'incremental', 'incremental'] as const)
    points.push((await harness.backUp(type)).root);

  const times = points.map(({ sourceTime }) => Date.parse(sourceTime));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(new Set(times).size).toBe(3);
  expect(points.map(({ base }) => base)).toEqual([undefined, points[0]?.point, points[1]?.point]);
  expect(points.map(({ point }) => point)).toEqual(points.map(({ point }) => point).toSorted());
});
