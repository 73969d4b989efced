import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { BackupError } from '../../src/errors.ts';
import type { PointId, RunId } from '../../src/ids.ts';
import { getRunPlan, type RunPlan } from '../../src/runs/run-plan.ts';
import { FaultPlan, ProcessKilledError, withFaults, type FaultKind } from '../../src/testing/index.ts';
import { day, describeState, Harness, minute, type State } from './harness.ts';
import { someOf } from '../thoroughness.ts';
import { expectConsistent } from './mostly-dead.ts';

const files = 80;
const changed = 56;
/** In the gate every so many of the calls are tried. */
const stride = 36;

/** A vault whose next incremental has chunks to copy and pages to write anew, a file to store and one to forget. */
async function prepare(): Promise<{ harness: Harness; states: Map<PointId, State> }> {
  const harness = new Harness('lease crash');
  const states = new Map<PointId, State>();
  const plant = (file: number): void => {
    harness.source.plant(`file ${String(file).padStart(2, '0')}`, harness.random.bytes(200));
  };
  for (let file = 0; file < files; file += 1) plant(file);
  const full = await harness.backUp('full');
  states.set(full.root.point, await harness.snapshotOfSource());
  harness.clock.advance(day);
  for (let file = 0; file < changed; file += 1) plant(file);
  const last = await harness.backUp('incremental');
  states.set(last.root.point, await harness.snapshotOfSource());
  harness.clock.advance(30 * day);
  plant(files - 1);
  harness.source.remove(`file ${files - 2}`);
  return { harness, states };
}

/** Makes the incremental with these faults; `plan` is what it decided. */
async function attempt(
  harness: Harness,
  runId: RunId,
  faults: FaultPlan,
): Promise<{ readonly plan: RunPlan | undefined }> {
  const { store, catalog, index, work } = harness;
  const services = {
    ...harness.services,
    store: withFaults(store, faults),
    catalog: withFaults(catalog, faults),
    index: withFaults(index, faults),
    work: withFaults(work, faults),
  };
  await harness.backUp('incremental', { runId, services });
  return { plan: await getRunPlan(work, runId) };
}

async function expectAllWhole(
  harness: Harness,
  states: ReadonlyMap<PointId, State>,
  current: State,
  where: string,
): Promise<void> {
  for (const root of await harness.committed()) {
    const { state, outcome } = await harness.restore(root.point);
    expect(outcome.failed, where).toEqual([]);
    expect(describeState(state), where).toEqual(describeState(states.get(root.point) ?? current));
    await expectConsistent(harness, { root, state: 'completed' });
  }
}

async function callsOfRun(): Promise<number> {
  const { harness } = await prepare();
  const faults = new FaultPlan();
  const { plan } = await attempt(harness, newId<RunId>(harness.random), faults);
  // Otherwise this file would try something else than it says.
  expect(plan?.copiedPacks).toHaveLength(1);
  expect(plan?.rewrittenPagePacks.length).toBeGreaterThan(0);
  return faults.calls();
}

describe('a run that copies chunks and pages out of mostly dead packs', () => {
  test.each(['kill', 'kill-after'] as const)(
    'can die at any call (%s), loses nothing, and can be repeated',
    async (kind) => {
      const calls = await callsOfRun();
      const tried = someOf(calls, stride, kind.length);
      for (const call of tried) {
        const where = `${kind} at call ${call} of ${calls}`;
        const { harness, states } = await prepare();
        const current = await harness.snapshotOfSource();
        const runId = newId<RunId>(harness.random);
        await expect(attempt(harness, runId, new FaultPlan([{ kind, call }])), where).rejects.toThrow(
          ProcessKilledError,
        );
        await expectAllWhole(harness, states, current, where);

        const again = tried.indexOf(call) % 2 === 0;
        if (!again) harness.clock.advance(31 * minute);
        const next = again ? runId : newId<RunId>(harness.random);
        if ((await harness.catalog.runs.find(next))?.state !== 'completed')
          await harness.backUp('incremental', { runId: next });
        await expectAllWhole(harness, states, current, where);
        expect((await harness.catalog.runs.find(next))?.state, where).toBe('completed');
      }
      console.info(`copying incremental (${kind}): ${tried.length} of ${calls} kill points`);
    },
  );

  test.each<FaultKind>(['fail-before', 'fail-after', 'time-out', 'duplicate'])(
    'succeeds or fails cleanly when one call does not answer (%s)',
    async (kind) => {
      const calls = await callsOfRun();
      for (const call of someOf(calls, 2 * stride, kind.length)) {
        const where = `${kind} at call ${call} of ${calls}`;
        const { harness, states } = await prepare();
        const current = await harness.snapshotOfSource();
        try {
          await attempt(harness, newId<RunId>(harness.random), new FaultPlan([{ kind, call }]));
        } catch (error) {
          if (!(error instanceof BackupError) || error.retry !== 'later')
            throw new Error(where, { cause: error });
        }
        await expectAllWhole(harness, states, current, where);

        harness.clock.advance(31 * minute);
        expect((await harness.backUp('incremental')).state, where).toBe('completed');
        await expectAllWhole(harness, states, current, where);
      }
    },
  );
});
