import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { PointId, RunId } from '../../src/ids.ts';
import { FaultPlan, ProcessKilledError } from '../../src/testing/index.ts';
import {
  callsOfBackup,
  expectAllWhole,
  faultyServices,
  finishTrial,
  prepareTrial,
  trials,
  visibleState,
} from './crash-trials.ts';
import { minute } from './harness.ts';
import { someOf } from '../thoroughness.ts';

/** In the gate every so many of the calls are tried. */
const stride = 32;

describe.each(trials)('a process that dies during a $type backup of $source', ({ source, type }) => {
  test.each(['kill', 'kill-after'] as const)(
    'at any call (%s) loses nothing, and the run can be repeated',
    async (kind) => {
      const calls = await callsOfBackup({ source, type });
      const tried = someOf(calls, stride, kind.length);
      for (const call of tried) {
        const where = `${kind} at call ${call} of ${calls}`;
        const trial = await prepareTrial({ source, type });
        const { harness } = trial;
        const visible = await visibleState(trial, type);
        const runId = newId<RunId>(harness.random);
        const plan = new FaultPlan([{ kind, call }]);

        await expect(
          trial.backUp(type, { runId, services: faultyServices(harness, plan) }),
          where,
        ).rejects.toThrow(ProcessKilledError);
        await expectAllWhole(trial, visible, where);

        // Another process goes on with the run, or, every other time, a new run takes over once this one counts as dead.
        const again = tried.indexOf(call) % 2 === 0;
        if (!again) harness.clock.advance(31 * minute);
        const next = await finishTrial(trial, type, again ? runId : undefined);
        const roots = await harness.committed();
        expect(
          roots.filter(({ run }) => run === next),
          where,
        ).toHaveLength(1);
        expect(roots.filter(({ run }) => run === runId).length, where).toBeLessThanOrEqual(1);
        await expectAllWhole(trial, visible, where);
        const run = await harness.catalog.runs.find(next);
        expect(run?.state, where).toBe('completed');
        expect(await harness.catalog.points.find(run?.pointId as PointId), where).toBeDefined();
      }
      console.info(`${source}, ${type} (${kind}): ${tried.length} of ${calls} kill points`);
    },
  );
});
