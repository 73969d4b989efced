import { expect } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { PointId, RunId } from '../../src/ids.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import type { Keyring } from '../../src/ports/keyring.ts';
import type { WriteServices } from '../../src/services.ts';
import { FaultPlan, withFaults } from '../../src/testing/index.ts';
import { isDamaged, verifyPoint } from '../../src/verify/verify-point.ts';
import { countReferences, describeState, Harness, minute, packMapOf, type State } from './harness.ts';

/** Small shards, so that a few files make several. */
export const crashLimits = { files: 4, bytes: 2 ** 30 };

/** A vault as it is before a backup, and what its points have to restore to. */
export interface CrashTrial {
  readonly harness: Harness;
  /** What each committed point was made of. */
  readonly states: Map<PointId, State>;
}

/** A vault with a full point (none before a full), and a source that has changed since: the same in every try. */
export async function prepareTrial(type: BackupType): Promise<CrashTrial> {
  const harness = new Harness('crash');
  const states = new Map<PointId, State>();
  for (let file = 0; file < 9; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(100));
  if (type !== 'full') {
    const { root } = await harness.backUp('full', { limits: crashLimits });
    states.set(root.point, await harness.snapshotOfSource());
    harness.clock.advance(minute);
    if (type === 'differential') {
      harness.source.plant('file 3', 'changed between');
      const between = (await harness.backUp('incremental', { limits: crashLimits })).root;
      states.set(between.point, await harness.snapshotOfSource());
      harness.clock.advance(minute);
    }
    harness.source.plant('file 2', 'changed');
    harness.source.plant('new', 'added');
    harness.source.remove('file 7');
  }
  return { harness, states };
}

/** A harness's services with one plan of faults over all of its stores. */
export function faultyServices(harness: Harness, plan: FaultPlan): WriteServices {
  const { store, catalog, index, work, keyring } = harness;
  return {
    ...harness.services,
    store: withFaults(store, plan),
    catalog: withFaults(catalog, plan),
    index: withFaults(index, plan),
    work: withFaults(work, plan),
    keyring: withFaults<Keyring>(keyring, plan),
  };
}

/** How many calls a backup of the trial makes. */
export async function callsOfBackup(type: BackupType): Promise<number> {
  const { harness } = await prepareTrial(type);
  const plan = new FaultPlan();
  await harness.backUp(type, { limits: crashLimits, services: faultyServices(harness, plan) });
  return plan.calls();
}

/** Every root that can be seen restores to what the source was, and is protected until it expires. */
export async function expectAllWhole(
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
    const verified = await verifyPoint(reader);
    expect(isDamaged(verified), `${where}: ${JSON.stringify(verified)}`).toBe(false);
    expect(verified.damagedObjects, where).toEqual([]);
    const mapped = (await packMapOf(reader)).map(
      ({ packId, references, liveBytes }) => [packId, { references, liveBytes }] as const,
    );
    expect(new Map(mapped), where).toEqual(await countReferences(reader));
    for (const [name, until] of await harness.locksOf(root)) {
      expect(until >= new Date(root.expiresAt), `${where}: ${name}`).toBe(true);
    }
  }
}

/** Makes the backup once more; a run that turns out to be over has succeeded. Returns the run's id. */
export async function finishTrial(
  harness: Harness,
  type: BackupType,
  runId = newId<RunId>(harness.random),
): Promise<RunId> {
  if ((await harness.catalog.runs.find(runId))?.state !== 'completed')
    await harness.backUp(type, { limits: crashLimits, runId });
  return runId;
}

/** What a point made now restores to. */
export async function visibleState({ harness, states }: CrashTrial, type: BackupType): Promise<State> {
  return type === 'synthetic-full' ? ([...states.values()].at(-1) as State) : harness.snapshotOfSource();
}
