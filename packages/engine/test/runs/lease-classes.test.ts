import { describe, expect, test } from 'vitest';
import { mayLeaseClass, retentionClasses, retentionClassOf } from '../../src/model/retention-class.ts';
import { day, describeState, Harness } from './harness.ts';

const limits = { files: 3, bytes: 2 ** 30 };

async function withContent(seed: string): Promise<Harness> {
  const harness = new Harness(seed);
  for (let file = 0; file < 6; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(1_000));
  return harness;
}

/** The latest lock among the packs of chunks of a class, in days from now; `undefined` when there is none. */
async function latestLock(harness: Harness, retentionClass: string): Promise<number | undefined> {
  const rows = harness.catalog
    .packRows()
    .filter((row) => row.kind === 'chunks' && row.retentionClass === retentionClass);
  const days = rows.map(
    ({ lockedUntil }) => ((lockedUntil?.getTime() ?? 0) - harness.clock.now().getTime()) / day,
  );
  return days.length === 0 ? undefined : Math.max(...days);
}

describe('a run whose points are kept longer than the packs it meets', () => {
  test.each(['full', 'incremental'] as const)('as %s leaves them alone and stores anew', async (type) => {
    const harness = await withContent(`classes ${type}`);
    await harness.backUp('full', { limits, keepDays: 7 });
    harness.clock.advance(day);

    const point = await harness.backUp(type, { limits, keepDays: 90 });

    expect(await latestLock(harness, 'short')).toBeLessThanOrEqual(7 + 1 + 7);
    expect(await latestLock(harness, 'standard')).toBeGreaterThan(90);
    const { state } = await harness.restore(point.root.point);
    expect(describeState(state)).toEqual(describeState(await harness.snapshotOfSource()));
  });
});

test('a run whose points are kept shorter shares the packs it meets', async () => {
  const harness = await withContent('shared');
  await harness.backUp('full', { limits, keepDays: 90 });
  harness.clock.advance(day);

  await harness.backUp('full', { limits, keepDays: 7 });

  expect(await latestLock(harness, 'short')).toBeUndefined();
});

test('classes follow the days that points are kept, the shortest first', () => {
  expect([1, 14, 15, 100, 101, 36_500].map((days) => retentionClassOf(days))).toEqual([
    'short',
    'short',
    'standard',
    'standard',
    'long',
    'long',
  ]);
  for (const [rank, ofRun] of retentionClasses.entries()) {
    for (const [other, ofPack] of retentionClasses.entries()) {
      expect(mayLeaseClass(ofRun, ofPack), `${ofRun} ${ofPack}`).toBe(other >= rank);
    }
  }
  expect(mayLeaseClass('own', 'own')).toBe(true);
  expect(mayLeaseClass('own', 'long')).toBe(false);
  expect(mayLeaseClass('short', 'own')).toBe(false);
});
