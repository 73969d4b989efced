import { beforeAll, describe, expect, test } from 'vitest';
import { BackupError } from '../../src/errors.ts';
import { openVault } from '../../src/keys/open-vault.ts';
import type { Keyring } from '../../src/ports/keyring.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { RestoreTarget } from '../../src/ports/restore-target.ts';
import type { Root } from '../../src/points/root.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { restoreRange, type RestoreOutcome } from '../../src/restore/restore-range.ts';
import {
  FaultPlan,
  MemoryTarget,
  ProcessKilledError,
  withFaults,
  type FaultKind,
} from '../../src/testing/index.ts';
import { crashLimits } from './crash-trials.ts';
import { describeState, Harness, minute, stateOf, type State } from './harness.ts';
import { someOf } from '../thoroughness.ts';

/** In the gate every so many of the calls are tried. */
const stride = 6;

let harness: Harness;
let root: Root;
let current: State;
beforeAll(async () => {
  harness = new Harness('restore');
  for (let file = 0; file < 30; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(100));
  harness.source.plant('large', harness.random.bytes(5_000_000));
  await harness.backUp('full', { limits: crashLimits });
  harness.clock.advance(minute);
  harness.source.plant('file 2', 'changed');
  ({ root } = await harness.backUp('incremental', { limits: crashLimits }));
  current = await harness.snapshotOfSource();
});

/**
 * Restores all of the point from nothing but the bucket, with faults in the vault, the keyring and the target.
 * @param hasTarget - false for faults that call twice or late: content is a stream, and can be read once.
 */
async function restore(target: MemoryTarget, plan: FaultPlan, hasTarget = true): Promise<RestoreOutcome> {
  const store = withFaults<ObjectStore>(harness.store, plan);
  const keys = await openVault({ store, keyring: withFaults<Keyring>(harness.keyring, plan) });
  const reader = await PointReader.open(store, keys, harness.arn, root.point);
  return restoreRange(reader, {
    range: {},
    target: hasTarget ? withFaults<RestoreTarget>(target, plan) : target,
    overwrite: 'if-different',
  });
}

async function callsOfRestore(hasTarget = true): Promise<number> {
  const plan = new FaultPlan();
  await restore(new MemoryTarget(), plan, hasTarget);
  return plan.calls();
}

/** Nothing that the target has is half-written, and once more completes it. */
async function expectCompletes(target: MemoryTarget, where: string): Promise<void> {
  const restored = stateOf(target);
  const wanted = new Map([...current].filter(([path]) => restored.has(path)));
  expect(describeState(restored), where).toEqual(describeState(wanted));
  const outcome = await restore(target, new FaultPlan());
  expect(outcome.failed, where).toEqual([]);
  expect(describeState(stateOf(target)), where).toEqual(describeState(current));
}

describe('a restore', () => {
  test.each(['kill', 'kill-after'] as const)('that dies at any call (%s) can be repeated', async (kind) => {
    const calls = await callsOfRestore();
    const tried = someOf(calls, stride, kind.length);
    for (const call of tried) {
      const where = `${kind} at call ${call} of ${calls}`;
      const target = new MemoryTarget();

      await expect(restore(target, new FaultPlan([{ kind, call }])), where).rejects.toThrow(
        ProcessKilledError,
      );

      await expectCompletes(target, where);
    }
    console.info(`restore (${kind}): ${tried.length} of ${calls} kill points`);
  });

  test.each<FaultKind>(['fail-before', 'fail-after', 'time-out', 'throttle', 'duplicate', 'tear'])(
    'with a call that goes wrong, whichever it is (%s), succeeds or says that it may be repeated',
    async (kind) => {
      const hasTarget = kind !== 'duplicate' && kind !== 'time-out';
      const calls = await callsOfRestore(hasTarget);
      const tried = someOf(calls, stride, kind.length);
      let failed = 0;
      for (const call of tried) {
        const where = `${kind} at call ${call} of ${calls}`;
        const target = new MemoryTarget();
        try {
          const outcome = await restore(target, new FaultPlan([{ kind, call }]), hasTarget);
          expect(outcome.failed, where).toEqual([]);
          expect(describeState(stateOf(target)), where).toEqual(describeState(current));
        } catch (error) {
          if (!(error instanceof BackupError) || error.retry !== 'later')
            throw new Error(where, { cause: error });
          failed += 1;
        }
        await expectCompletes(target, where);
      }
      console.info(`restore (${kind}): ${tried.length} of ${calls} calls, it failed ${failed} times`);
    },
  );
});
