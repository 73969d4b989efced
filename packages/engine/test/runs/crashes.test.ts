import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { BackupError } from '../../src/errors.ts';
import type { PointId, RunId } from '../../src/ids.ts';
import type { BackupType } from '../../src/ports/catalog.ts';
import type { WriteServices } from '../../src/services.ts';
import { FaultPlan, ProcessKilledError, withFaults, type FaultKind } from '../../src/testing/index.ts';
import { verifyPoint } from '../../src/verify/verify-point.ts';
import { countReferences, describeState, Harness, minute, packMapOf, someOf, type State } from './harness.ts';

const limits = { files: 4, bytes: 2 ** 30 };
/** In the gate every so many of the calls are tried. */
const stride = 16;

/** A vault with a full point, and a source that has changed since: the same in every try. */
async function prepare(type: BackupType): Promise<{ harness: Harness; states: Map<PointId, State> }> {
  const harness = new Harness('crash');
  const states = new Map<PointId, State>();
  for (let file = 0; file < 9; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(100));
  if (type !== 'full') {
    const { root } = await harness.backUp('full', { limits });
    states.set(root.point, await harness.snapshotOfSource());
    harness.clock.advance(minute);
    harness.source.plant('file 2', 'changed');
    harness.source.plant('new', 'added');
    harness.source.remove('file 7');
  }
  return { harness, states };
}

function faulty(harness: Harness, plan: FaultPlan): WriteServices {
  const { store, catalog, index, work } = harness;
  return {
    ...harness.services,
    store: withFaults(store, plan),
    catalog: withFaults(catalog, plan),
    index: withFaults(index, plan),
    work: withFaults(work, plan),
  };
}

async function callsOf(type: BackupType): Promise<number> {
  const { harness } = await prepare(type);
  const plan = new FaultPlan();
  await harness.backUp(type, { limits, services: faulty(harness, plan) });
  return plan.calls();
}

/** Every root that can be seen restores to what the source was, and is protected until it expires. */
async function expectAllWhole(
  harness: Harness,
  states: ReadonlyMap<PointId, State>,
  current: State,
  where: string,
): Promise<void> {
  for (const root of await harness.committed()) {
    const expected = states.get(root.point) ?? current;
    const { state, outcome } = await harness.restore(root.point);
    expect(outcome.failed, where).toEqual([]);
    expect(describeState(state), where).toEqual(describeState(expected));
    const reader = await harness.open(root.point);
    expect((await verifyPoint(reader)).problems, where).toEqual([]);
    const mapped = (await packMapOf(reader)).map(
      ({ packId, references, liveBytes }) => [packId, { references, liveBytes }] as const,
    );
    expect(new Map(mapped), where).toEqual(await countReferences(reader));
    for (const [name, until] of await harness.locksOf(root)) {
      expect(until >= new Date(root.expiresAt), `${where}: ${name}`).toBe(true);
    }
  }
}

const types = ['full', 'incremental', 'synthetic-full'] as const;

describe.each(types)('a process that dies during a %s backup', (type) => {
  test.each(['kill', 'kill-after'] as const)(
    'at any call (%s) loses nothing, and the run can be repeated',
    async (kind) => {
      const calls = await callsOf(type);
      const tried = someOf(calls, stride, kind.length);
      for (const call of tried) {
        const where = `${kind} at call ${call} of ${calls}`;
        const { harness, states } = await prepare(type);
        const current = await harness.snapshotOfSource();
        const visible = type === 'synthetic-full' ? ([...states.values()].at(-1) as State) : current;
        const runId = newId<RunId>(harness.random);
        const plan = new FaultPlan([{ kind, call }]);

        await expect(
          harness.backUp(type, { limits, runId, services: faulty(harness, plan) }),
          where,
        ).rejects.toThrow(ProcessKilledError);
        await expectAllWhole(harness, states, visible, where);

        // Another process goes on with the run, or, every other time, a new run takes over once this one counts as dead.
        const again = tried.indexOf(call) % 2 === 0;
        if (!again) harness.clock.advance(31 * minute);
        const next = await finish(harness, type, again ? runId : undefined);
        const roots = await harness.committed();
        expect(
          roots.filter(({ run }) => run === next),
          where,
        ).toHaveLength(1);
        expect(roots.filter(({ run }) => run === runId).length, where).toBeLessThanOrEqual(1);
        await expectAllWhole(harness, states, visible, where);
        const run = await harness.catalog.findRun(next);
        expect(run?.state, where).toBe('completed');
        expect(await harness.catalog.findPoint(run?.pointId as PointId), where).toBeDefined();
      }
      console.info(`${type} (${kind}): ${tried.length} of ${calls} kill points`);
    },
  );
});

/** Makes the backup once more; a run that turns out to be over has succeeded. Returns the run's id. */
async function finish(
  harness: Harness,
  type: BackupType,
  runId = newId<RunId>(harness.random),
): Promise<RunId> {
  if ((await harness.catalog.findRun(runId))?.state !== 'completed')
    await harness.backUp(type, { limits, runId });
  return runId;
}

describe.each(types)('a store that does not answer one call of a %s backup', (type) => {
  // A part of an upload that is sent twice counts once, by its number; the double cannot know that it is the same.
  const duplicate: readonly FaultKind[] = type === 'synthetic-full' ? [] : ['duplicate'];
  test.each<FaultKind>(['fail-before', 'fail-after', 'time-out', ...duplicate])(
    'whichever it is (%s), has the run succeed or fail cleanly',
    async (kind) => {
      const calls = await callsOf(type);
      const tried = someOf(calls, stride, kind.length);
      let failed = 0;
      for (const call of tried) {
        const where = `${kind} at call ${call} of ${calls}`;
        const { harness, states } = await prepare(type);
        const current = await harness.snapshotOfSource();
        const visible = type === 'synthetic-full' ? ([...states.values()].at(-1) as State) : current;
        const runId = newId<RunId>(harness.random);
        const plan = new FaultPlan([{ kind, call }]);
        try {
          await harness.backUp(type, { limits, runId, services: faulty(harness, plan) });
        } catch (error) {
          if (!(error instanceof BackupError) || error.retry !== 'later')
            throw new Error(where, { cause: error });
          failed += 1;
        }
        await expectAllWhole(harness, states, visible, where);

        harness.clock.advance(31 * minute);
        const next = await harness.backUp(type, { limits });
        expect(next.state, where).toBe('completed');
        await expectAllWhole(harness, states, visible, where);
      }
      console.info(`${type} (${kind}): ${tried.length} of ${calls} calls, the run failed ${failed} times`);
    },
  );
});
