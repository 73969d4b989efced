import type { HoldId, RunId } from '../../src/ids.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import type { PutOptions } from '../../src/ports/object-store.ts';
import { CallBook, type Call } from './calls.ts';
import type { Scenario } from './explorer.ts';
import { Invariants, type InvariantOptions } from './invariants.ts';
import type { Program } from './live-actor.ts';
import { holdPoint } from './holders.ts';
import { runAlone } from './run-alone.ts';
import {
  dayAfter,
  firstContent,
  keepDays,
  makeSmallVault,
  pointIdAt,
  type SmallVault,
} from './small-vault.ts';
import { productSteps, runThinly, type ThinRun, type ThinSteps } from './thin-writer.ts';
import type { World } from './world.ts';

/** What runs of the model back up: one that builds on the first point, and one of another resource. */
export function runsOf({ resources, point }: SmallVault): {
  readonly next: ThinRun;
  readonly other: ThinRun;
} {
  return {
    next: {
      runId: '02'.repeat(16) as RunId,
      resourceArn: resources[0],
      pointId: pointIdAt(dayAfter(1), 2),
      keepDays,
      contents: [firstContent],
      base: { point, added: [] },
    },
    other: {
      runId: '03'.repeat(16) as RunId,
      resourceArn: resources[1],
      pointId: pointIdAt(dayAfter(1), 3),
      keepDays,
      contents: [firstContent],
    },
  };
}

/** A run as a program. */
export function writer(run: ThinRun, makeSteps = (): ThinSteps => productSteps): Program {
  return async (services, keys) => (await runThinly(services, keys, run, makeSteps())).point;
}

/** How a scenario differs from the one with nothing in it. */
export type ScenarioChange = Partial<Scenario> &
  Pick<Scenario, 'actors'> & {
    /** Only what is lost counts, not what the store would let go of, nor what it had to refuse. @default false */
    readonly lossOnly?: boolean;
    /** An actor lists the store or loses rows, so that nothing is out of sight. @default false */
    readonly isRebuilt?: boolean;
    /** Nobody removes what another actor reads, and no locks are extended but those of packs of chunks. @default false */
    readonly readsAreAlone?: boolean;
    /** An actor moves the locks of the vault's keys. @default false */
    readonly keysMayMove?: boolean;
    /** What else has to be true. */
    readonly invariants?: Omit<InvariantOptions, 'keys' | 'keyring'>;
  };

/** A scenario in a small vault, with nothing planted in it. */
export async function makeScenario(
  change: (vault: SmallVault) => ScenarioChange,
  prepared?: SmallVault,
): Promise<Scenario> {
  const vault = prepared ?? (await makeSmallVault());
  const {
    lossOnly = false,
    isRebuilt = false,
    readsAreAlone = false,
    keysMayMove = false,
    invariants: options,
    ...changed
  } = change(vault);
  const { keys, keyring } = vault;
  const book = new CallBook();
  const invariants = new Invariants({ keys, keyring, ...options });
  return {
    book,
    keys,
    keyring,
    world: vault.world.forked(book),
    times: [],
    crashes: 0,
    failures: 0,
    isPrivate: isPrivateIn(vault, changed.times?.at(-1) ?? vault.world.time, {
      isRebuilt,
      readsAreAlone,
      keysMayMove,
    }),
    check: async (world) => invariants.check(world, lossOnly),
    checkRest: async (world) => invariants.checkRest(world),
    refusalsAreFaults: !lossOnly,
    ...changed,
  };
}

/**
 * Calls that commute with every call of every other actor, at any time:
 * - scratch objects and rows of runs have one owner (its repetition starts after its death);
 * - the vault's keys and format file are only read: their locks outlast every lease of the scenario;
 * - nobody marks packs as damaged;
 * - bytes of a pack of chunks are read by nobody but the sweeper, who alone removes them;
 * - of a pack that is being stored, nobody else knows the name, and no sweeper lists a row whose intent outlasts the
 *   scenario, nor does the store refuse a lock that does;
 * - until its point has a row, nobody but the writer knows its root's name: it reads it only before that;
 * - once the clock has made its last jump, reading it commutes with everything;
 * - who rebuilds reads what it has listed, and nothing of that changes but locks, unless others remove it.
 */
function isPrivateIn(
  { point }: SmallVault,
  end: Date,
  {
    isRebuilt,
    readsAreAlone,
    keysMayMove,
  }: { isRebuilt: boolean; readsAreAlone: boolean; keysMayMove: boolean },
): Scenario['isPrivate'] {
  return ({ port, method, args }: Call, clockStands: boolean): boolean => {
    if (port === 'work') return true;
    if (port === 'catalog') {
      if (isRebuilt) return false;
      const { lockUntil, lockedUntil = lockUntil } = (args.at(-1) ?? {}) as Partial<PackRow>;
      if (method === 'packs.claim' || method === 'packs.confirm')
        return lockedUntil !== undefined && lockedUntil > end;
      return method.startsWith('runs.') || method === 'packs.listDamaged';
    }
    if (port !== 'store') return false;
    if (method === 'now') return clockStands;
    const name = String(args[0]);
    if (name === 'format.json' || name.startsWith('keys/')) {
      if (keysMayMove) return method === 'get';
      if (method === 'extendLock')
        throw new Error('the keys of this scenario must be locked for long enough');
      return true;
    }
    if (readsAreAlone) {
      if (method === 'extendLock' && !name.startsWith('packs/'))
        throw new Error(
          `the lock of ${name} moves in this scenario, so that looking at it is seen by others`,
        );
      return method === 'get' || (method === 'head' && !name.startsWith('packs/'));
    }
    if (isRebuilt) return false;
    if (name.startsWith('points/')) return name !== point.rootName && (method === 'get' || method === 'head');
    if (method === 'put') return ((args[2] as PutOptions).lock?.until ?? end) > end;
    return method === 'get' && name.startsWith('packs/');
  };
}

/** Ids of holds. */
export const [firstHold, secondHold] = ['0a'.repeat(16), '0b'.repeat(16)] as [HoldId, HoldId];

/** A small vault with a second point, of another resource, that shares the pack of the first one. */
export async function makeSharedVault(): Promise<{
  readonly vault: SmallVault;
  readonly point: PointRow;
  readonly packs: readonly PackRow[];
}> {
  const vault = await makeSmallVault();
  const { other } = runsOf(vault);
  const world = await runAlone(vault.world, { name: 'other writer', program: writer(other) }, vault);
  const point = (await world.ports.catalog.points.find(other.pointId)) as PointRow;
  return { vault: { ...vault, world }, point, packs: world.ports.catalog.packRows() };
}

/** A vault whose only point is held, long after it would have expired, and whose tables are lost. */
export async function makeLostTables(): Promise<{ readonly vault: SmallVault; readonly world: World }> {
  const vault = await makeSmallVault();
  const program: Program = async (services, keys) => {
    await holdPoint(services, keys, vault.point, firstHold);
    return 'held';
  };
  const world = await runAlone(vault.world, { name: 'holder', program }, vault);
  return { vault, world: world.at(dayAfter(70)).withoutTables() };
}
