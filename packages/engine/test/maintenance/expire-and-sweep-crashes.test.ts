import { describe, expect, test } from 'vitest';
import { expirePoints } from '../../src/maintenance/expire-points.ts';
import { sweepPacks } from '../../src/maintenance/sweep-packs.ts';
import { FaultPlan, ProcessKilledError, type FaultKind } from '../../src/testing/index.ts';
import { someOf } from '../thoroughness.ts';
import { expectKept, maintain, prepare, remains, sweepServices } from './expired-vault.ts';

const stride = 36;

describe('maintenance that dies', () => {
  test.each<FaultKind>(['kill', 'kill-after'])(
    'at any call (%s) loses nothing and leaves nothing behind once it runs again',
    async (kind) => {
      const whole = await prepare();
      const count = new FaultPlan();
      await maintain(whole.harness, count);
      const expected = await remains(whole.harness);
      const tried = someOf(count.calls(), stride, kind.length);
      for (const call of tried) {
        const where = `${kind} at call ${call} of ${count.calls()}`;
        const prepared = await prepare();
        const { harness } = prepared;

        await expect(maintain(harness, new FaultPlan([{ kind, call }])), where).rejects.toThrow(
          ProcessKilledError,
        );
        await expectKept(prepared, where);
        await maintain(harness);

        expect(await remains(harness), where).toEqual(expected);
        await expectKept(prepared, where);
      }
      console.info(`maintenance (${kind}): ${tried.length} of ${count.calls()} kill points`);
    },
  );

  test.each<FaultKind>(['fail-before', 'fail-after', 'time-out', 'duplicate'])(
    'for one call (%s) has done everything after the next run',
    async (kind) => {
      const whole = await prepare();
      const count = new FaultPlan();
      await maintain(whole.harness, count);
      const expected = await remains(whole.harness);
      for (const call of someOf(count.calls(), stride, kind.length)) {
        const where = `${kind} at call ${call} of ${count.calls()}`;
        const prepared = await prepare();
        const plan = new FaultPlan([{ kind, call }]);
        const services = await sweepServices(prepared.harness, plan);

        await expirePoints(services).catch(() => undefined);
        await sweepPacks(services).catch(() => undefined);
        await expectKept(prepared, where);
        await maintain(prepared.harness);

        expect(await remains(prepared.harness), where).toEqual(expected);
        await expectKept(prepared, where);
      }
    },
  );
});
