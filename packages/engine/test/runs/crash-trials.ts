import { expect } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { PointId, RunId } from '../../src/ids.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import type { Keyring } from '../../src/ports/keyring.ts';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import type { WriteServices } from '../../src/services.ts';
import { FaultPlan, withFaults } from '../../src/testing/index.ts';
import { isDamaged, verifyPoint } from '../../src/verify/verify-point.ts';
import { blockBytes, ImageHarness, readVolumes } from '../images/image-harness.ts';
import { countReferences, describeState, Harness, minute, packMapOf } from './harness.ts';

/** Small shards, so that a few files or blocks make several. */
export const crashLimits = { files: 4, bytes: 2 ** 30 };
const imageLimits = { blocks: 40, extents: 2 };

const sources = ['files', 'volumes'] as const;
const types = ['full', 'incremental', 'differential', 'synthetic-full'] as const;

/** All sorts of backups that are tried. */
export const trials = sources.flatMap((source) => types.map((type) => ({ source, type })));
export type Tried = (typeof trials)[number];

/** The content of a source, in a form that compares and prints well. */
type Content = unknown;

/** A vault as it is before a backup, and what its points have to restore to. */
export interface CrashTrial {
  readonly harness: Harness;
  /** What each committed point was made of. */
  readonly states: Map<PointId, Content>;
  readonly backUp: (
    type: BackupType,
    options?: { readonly runId?: RunId; readonly services?: WriteServices },
  ) => Promise<CommittedPoint>;
  readonly restored: (point: PointId) => Promise<Content>;
  readonly current: () => Promise<Content>;
  /** Changes the source for the first time, or for the last. */
  readonly change: (time: 'between' | 'last') => void;
}

/** A vault with a full point (none before a full), and a source that has changed since: the same in every try. */
export async function prepareTrial({ source, type }: Tried): Promise<CrashTrial> {
  const trial = source === 'files' ? trialOfFiles() : trialOfVolumes();
  const { harness, states } = trial;
  if (type === 'full') return trial;
  states.set((await trial.backUp('full')).root.point, await trial.current());
  harness.clock.advance(minute);
  if (type === 'differential') {
    trial.change('between');
    const between = (await trial.backUp('incremental')).root;
    states.set(between.point, await trial.current());
    harness.clock.advance(minute);
  }
  trial.change('last');
  return trial;
}

function trialOfFiles(): CrashTrial {
  const harness = new Harness('crash');
  const { source } = harness;
  for (let file = 0; file < 9; file += 1) source.plant(`file ${file}`, harness.random.bytes(100));
  return {
    harness,
    states: new Map(),
    backUp: async (type, options) => harness.backUp(type, { limits: crashLimits, ...options }),
    current: async () => describeState(await harness.snapshotOfSource()),
    async restored(point) {
      const { state, outcome } = await harness.restore(point);
      expect(outcome.failed).toEqual([]);
      return describeState(state);
    },
    change(time) {
      if (time === 'between') {
        source.plant('file 3', 'changed between');
        return;
      }
      source.plant('file 2', 'changed');
      source.plant('new', 'added');
      source.remove('file 7');
    },
  };
}

function trialOfVolumes(): CrashTrial {
  const harness = new ImageHarness('crash');
  const { disks, random } = harness;
  const write = (volume: string, index: number): void => disks.write(volume, index, random.bytes(blockBytes));
  const [boot, data] = [harness.addVolume(400), harness.addVolume(100)];
  for (let index = 0; index < 200; index += 3) write(boot, index);
  write(data, 99);
  return {
    harness,
    states: new Map(),
    backUp: async (type, options) => harness.backUpImage(type, { limits: imageLimits, ...options }),
    current: async () => contentOf(harness.contentsNow()),
    restored: async (point) => contentOf(await readVolumes(await harness.open(point))),
    change(time) {
      if (time === 'between') {
        write(boot, 4);
        return;
      }
      for (const index of [0, 70, 71, 399]) write(boot, index);
      disks.trim(boot, 198);
      disks.write(boot, 3, new Uint8Array(blockBytes));
      disks.trim(data, 99);
    },
  };
}

function contentOf(volumes: ReadonlyMap<string, Uint8Array>): Content {
  return Object.fromEntries(
    [...volumes].map(([volume, content]) => [volume, Buffer.from(content).toString('base64')]),
  );
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
export async function callsOfBackup(tried: Tried): Promise<number> {
  const known = counted.get(tried) ?? countCalls(tried);
  counted.set(tried, known);
  return known;
}

const counted = new Map<Tried, Promise<number>>();

async function countCalls(tried: Tried): Promise<number> {
  const trial = await prepareTrial(tried);
  const plan = new FaultPlan();
  await trial.backUp(tried.type, { services: faultyServices(trial.harness, plan) });
  return plan.calls();
}

/** Every root that can be seen restores to what the source was, and is protected until it expires. */
export async function expectAllWhole(
  { harness, states, restored }: CrashTrial,
  current: Content,
  where: string,
): Promise<void> {
  for (const root of await harness.committed()) {
    expect(await restored(root.point), where).toEqual(states.get(root.point) ?? current);
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
  { harness, backUp }: CrashTrial,
  type: BackupType,
  runId = newId<RunId>(harness.random),
): Promise<RunId> {
  if ((await harness.catalog.runs.find(runId))?.state !== 'completed') await backUp(type, { runId });
  return runId;
}

/** What a point made now restores to. */
export async function visibleState({ states, current }: CrashTrial, type: BackupType): Promise<Content> {
  return type === 'synthetic-full' ? [...states.values()].at(-1) : current();
}
