import { afterAll, describe, expect, test } from 'vitest';
import type { PointId, ResourceArn } from '../../src/ids.ts';
import { expirePoints } from '../../src/maintenance/expire-points.ts';
import { createChunkIdReader } from '../../src/maintenance/pack-chunk-ids.ts';
import { sweepPacks } from '../../src/maintenance/sweep-packs.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import { getRunPlan } from '../../src/runs/run-plan.ts';
import { SeededRandom } from '../../src/testing/index.ts';
import { day, describeState, Harness, logicalPartsOf, type State } from './harness.ts';
import { seedsOf } from '../thoroughness.ts';
import { expectConsistent } from './mostly-dead.ts';
import { changeSource, Dice } from './random-changes.ts';

const limits = { files: 40, bytes: 2 ** 30 };
const steps = 14;

/** Expires and sweeps all that is due. */
async function maintain(harness: Harness): Promise<number> {
  const { store, catalog, index } = harness;
  await expirePoints({ store, catalog });
  const listChunkIds = createChunkIdReader(store, await harness.keys());
  return (await sweepPacks({ store, catalog, index, listChunkIds })).swept;
}

function typeAt(step: number, dice: Dice): BackupType {
  if (step === 0) return 'full';
  return dice.pick(['incremental', 'incremental', 'incremental', 'differential', 'full', 'synthetic-full']);
}

describe('a history over many generations', () => {
  /** Cases that were tried, by all seeds together. */
  const done = { copied: 0, rewritten: 0, swept: 0 };
  afterAll(() => {
    for (const times of Object.values(done)) expect(times).toBeGreaterThan(0);
  });

  test.each(seedsOf(2))(
    'keeps every point whole while packs are copied, extended and swept, seed %i',
    async (seed) => {
      const harness = new Harness(`generations ${seed}`);
      const dice = new Dice(new SeededRandom(`generations ${seed}`));
      const states = new Map<PointId, State>();
      await changeSource(harness, dice, 60);
      for (let step = 0; step < steps; step += 1) {
        const { root, state } = await harness.backUp(typeAt(step, dice), { limits });
        const source = await harness.snapshotOfSource();
        const ofBase = root.type === 'synthetic-full' && root.base !== undefined && states.get(root.base);
        states.set(root.point, ofBase || source);
        const plan = await getRunPlan(harness.work, root.run);
        done.copied += plan.copiedPacks.length;
        done.rewritten += plan.rewrittenPagePacks.length;
        await expectConsistent(harness, { root, state });
        done.swept += await maintain(harness);
        await changeSource(harness, dice, dice.below(40));
        harness.clock.advance((3 + dice.below(12)) * day);
        done.swept += await maintain(harness);
      }
      for (const root of await harness.committed()) {
        const { state, outcome } = await harness.restore(root.point);
        expect(outcome.failed).toEqual([]);
        expect(describeState(state)).toEqual(describeState(states.get(root.point) ?? new Map()));
      }
      const last = await harness.backUp('incremental', { limits });
      const other = 'arn:aws:s3:::other' as ResourceArn;
      const apart = await harness.backUp('full', { arn: other, isolated: true });
      expect(await logicalPartsOf(await harness.open(last.root.point))).toEqual(
        await logicalPartsOf(await harness.open(apart.root.point, other)),
      );
    },
  );
});
