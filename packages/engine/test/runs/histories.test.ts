import { describe, expect, test } from 'vitest';
import type { PointId, ResourceArn } from '../../src/ids.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import type { ShardLimits } from '../../src/protect/shards.ts';
import { SeededRandom } from '../../src/testing/index.ts';
import { verifyPoint } from '../../src/verify/verify-point.ts';
import { countReferences, describeState, Harness, logicalPartsOf, packMapOf, type State } from './harness.ts';
import { seedsOf } from '../thoroughness.ts';
import { changeSource, Dice } from './random-changes.ts';

const mebibyte = 2 ** 20;
const limitsToTry: readonly ShardLimits[] = [
  { files: 1, bytes: 2 ** 30 },
  { files: 2, bytes: 2 ** 30 },
  { files: 7, bytes: 2 ** 30 },
  { files: 40, bytes: mebibyte },
  { files: 10_000, bytes: 2 ** 30 },
];

const steps: readonly BackupType[] = [
  'full',
  'incremental',
  'incremental',
  'differential',
  'incremental',
  'synthetic-full',
  'incremental',
  'differential',
];

interface Made {
  readonly type: BackupType;
  readonly point: PointId;
  readonly state: State;
}

/** The pack map must be what one would count, and every object must be locked until the point expires. */
async function expectConsistent(harness: Harness, point: PointId): Promise<void> {
  const reader = await harness.open(point);

  const counted = await countReferences(reader);
  const mapped = await packMapOf(reader);

  expect(
    new Map(mapped.map(({ packId, references, liveBytes }) => [packId, { references, liveBytes }])),
  ).toEqual(counted);
  const expiresAt = new Date(reader.root.expiresAt);
  for (const [name, until] of await harness.locksOf(reader.root)) {
    expect(until.getTime(), name).toBeGreaterThanOrEqual(expiresAt.getTime());
  }
}

describe('a history of changes and backups of all types', () => {
  test.each(seedsOf(10))('restores every point to what the source was, seed %i', async (seed) => {
    const harness = new Harness(seed);
    const dice = new Dice(new SeededRandom(`history ${seed}`));
    const limits = limitsToTry[seed % limitsToTry.length] as ShardLimits;
    const made: Made[] = [];
    await changeSource(harness, dice, limits.files < 7 ? 25 : 90);

    for (const type of steps) {
      const { root } = await harness.backUp(type, { limits });
      const state =
        type === 'synthetic-full' ? (made.at(-1) as Made).state : await harness.snapshotOfSource();
      made.push({ type, point: root.point, state });

      expect(root.type).toBe(type);
      expect(root.counts.files).toBe(state.size);
      await expectConsistent(harness, root.point);
      if (type === 'differential' || made.length === steps.length - 1) {
        const independent = await harness.backUp('full', {
          arn: `arn:aws:s3:::other-${made.length}` as ResourceArn,
          limits: { files: 10_000, bytes: 2 ** 30 },
          isolated: true,
        });
        const parts = await logicalPartsOf(
          await harness.open(independent.root.point, independent.root.resource),
        );
        expect(await logicalPartsOf(await harness.open(root.point))).toEqual(parts);
      }
      if (type === 'synthetic-full') {
        const parts = await logicalPartsOf(await harness.open((made.at(-2) as Made).point));
        expect(await logicalPartsOf(await harness.open(root.point))).toEqual(parts);
      }
      await changeSource(harness, dice, 1 + dice.below(8));
    }

    for (const { point, state } of made) {
      const restored = await harness.restore(point);
      expect(describeState(restored.state)).toEqual(describeState(state));
      expect(restored.outcome.failed).toEqual([]);
    }
    const last = await verifyPoint(await harness.open((made.at(-1) as Made).point));
    expect(last).toMatchObject({ damagedFileCount: 0, problems: [] });
  });
});
