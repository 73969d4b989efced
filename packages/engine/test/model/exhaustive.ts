import type { FailureKind } from './exploration-state.ts';
import type { Scenario } from './explorer.ts';
import { holdForAWhile, holdPoint } from './holders.ts';
import { expireOnce, loseAndRebuild, maintainOnce, rebuild, sweepOnce } from './maintainers.ts';
import { prolonger } from './planted.ts';
import { runAlone } from './run-alone.ts';
import { firstHold, makeScenario, makeSharedVault, runsOf, secondHold, writer } from './scenarios.ts';
import { dayAfter, makeSmallVault } from './small-vault.ts';
import { makeVolumeRun } from './volume-run.ts';

/** A scenario that is explored to its end. */
export interface NamedScenario {
  readonly title: string;
  /** Small enough for every run of the tests. */
  readonly inGate: boolean;
  readonly make: () => Promise<Scenario>;
}

const answersLost: readonly FailureKind[] = ['before', 'after'];
/** The first point's leases are over, unless somebody extended them. */
const due = dayAfter(4.6);
/** The first point has expired; its leases are not over. */
const expired = dayAfter(2.1);
/** All leases of the first days are over. */
const over = dayAfter(12);

/** What `npm run model` explores, the smallest first. */
export const exhaustiveScenarios: readonly NamedScenario[] = [
  {
    title:
      'a hold that is set and released beside another one on the same pack, an expirer and a sweeper; one crash',
    inGate: true,
    make: async () => makeHolds(1),
  },
  {
    title: 'a point that is prolonged beside an expirer and a sweeper; one crash and one failure of any kind',
    inGate: true,
    make: async () =>
      makeScenario(({ point }) => ({
        actors: [
          { name: 'prolonger', program: prolonger(point, dayAfter(6)) },
          { name: 'expirer', program: expireOnce },
          { name: 'sweeper', program: sweepOnce },
        ],
        crashes: 1,
        failures: 1,
        times: [expired, due],
        // A point that has expired may still be prolonged, and then locks packs that are being swept.
        refusalsAreFaults: false,
      })),
  },
  {
    title: 'tables that are lost and rebuilt under a writer that stores a new pack',
    inGate: true,
    make: async () =>
      makeScenario((vault) => ({
        actors: [
          { name: 'writer', program: writer({ ...runsOf(vault).other, contents: ['new'] }) },
          { name: 'rebuilder', program: loseAndRebuild, isImmortal: true },
        ],
        // To a run that is under way the loss of its row is a fault.
        mayFail: true,
        isRebuilt: true,
        readsAreAlone: true,
      })),
  },
  {
    title: 'tables that are rebuilt beside a writer, then a sweeper; one crash',
    inGate: false,
    make: makeRebuild,
  },
  {
    title:
      'a writer that stores a new pack, its repetition, and a sweeper; one crash and one failure of any kind',
    inGate: false,
    make: async () =>
      makeScenario((vault) => {
        const { other } = runsOf(vault);
        const run = { ...other, contents: ['new'] };
        return {
          actors: [
            { name: 'writer', program: writer(run) },
            { name: 'writer again', program: writer(run), after: 'writer' },
            { name: 'sweeper', program: sweepOnce },
          ],
          crashes: 1,
          failures: 1,
          times: [due],
        };
      }),
  },
  {
    title: 'the daily maintenance, twice at the same time; one crash',
    inGate: false,
    make: async () =>
      makeScenario(() => ({
        actors: [
          { name: 'maintainer 1', program: maintainOnce },
          { name: 'maintainer 2', program: maintainOnce },
        ],
        crashes: 1,
        times: [due],
        isRebuilt: true,
      })),
  },
  {
    title: 'a writer and two sweepers; one crash',
    inGate: false,
    make: async () =>
      makeScenario((vault) => ({
        actors: [
          { name: 'writer', program: writer(runsOf(vault).other) },
          { name: 'sweeper 1', program: sweepOnce },
          { name: 'sweeper 2', program: sweepOnce },
        ],
        crashes: 1,
        times: [due],
        isRebuilt: true,
      })),
  },
  {
    title: 'a writer with a base, an expirer and a sweeper, three jumps of the clock; one crash',
    inGate: false,
    make: async () =>
      makeRuns(['writer 1', 'expirer', 'sweeper'], { crashes: 1, times: [expired, due, over] }),
  },
  {
    title: 'a writer with a base, an expirer and a sweeper; one crash and one failure of any kind',
    inGate: false,
    make: async () => makeRuns(['writer 1', 'expirer', 'sweeper'], { crashes: 1, failures: 1, times: [due] }),
  },
  {
    title: 'a whole run of a volume that builds on its last point, and who expires, then sweeps; one crash',
    inGate: false,
    make: async () => makeVolumeRun({ crashes: 1 }),
  },
  {
    title: 'two writers and a sweeper; one answer lost',
    inGate: false,
    make: async () =>
      makeRuns(['writer 1', 'writer 2', 'sweeper'], { failures: 1, failureKinds: answersLost, times: [due] }),
  },
  {
    title: 'two writers, an expirer and a sweeper; one crash',
    inGate: false,
    make: async () => makeRuns(['writer 1', 'writer 2', 'expirer', 'sweeper'], { crashes: 1, times: [due] }),
  },
];

async function makeRuns(names: readonly string[], change: Partial<Scenario>): Promise<Scenario> {
  return makeScenario((vault) => {
    const { next, other } = runsOf(vault);
    const everybody = [
      { name: 'writer 1', program: writer(next) },
      { name: 'writer 2', program: writer(other) },
      { name: 'expirer', program: expireOnce },
      { name: 'sweeper', program: sweepOnce },
    ];
    return { ...change, actors: everybody.filter(({ name }) => names.includes(name)) };
  });
}

async function makeHolds(crashes: number): Promise<Scenario> {
  const { vault, point } = await makeSharedVault();
  const program = async (...[services, keys]: Parameters<typeof expireOnce>): Promise<string> => {
    await holdPoint(services, keys, vault.point, firstHold);
    return 'held';
  };
  const world = await runAlone(vault.world, { name: 'holder', program }, vault);
  return makeScenario(
    () => ({
      actors: [
        { name: 'other holder', program: holdForAWhile(point, secondHold) },
        { name: 'expirer', program: expireOnce },
        { name: 'sweeper', program: sweepOnce },
      ],
      crashes,
      times: [due, dayAfter(20)],
      invariants: { held: [vault.point] },
      // A hold that comes too late for its point may lock packs that are being swept.
      refusalsAreFaults: false,
      keysMayMove: true,
    }),
    { ...vault, world },
  );
}

async function makeRebuild(): Promise<Scenario> {
  const vault = await makeSmallVault();
  return makeScenario(
    () => ({
      actors: [
        { name: 'writer', program: writer(runsOf(vault).other) },
        { name: 'rebuilder', program: rebuildThenSweep, isImmortal: true },
      ],
      crashes: 1,
      times: [due],
      isRebuilt: true,
      readsAreAlone: true,
    }),
    { ...vault, world: vault.world.withoutTables() },
  );
}

/** Sweepers wait until the tables are whole. */
const rebuildThenSweep: typeof sweepOnce = async (services, keys) => {
  const word = await rebuild(services, keys);
  if (word === 'rebuilt') await sweepOnce(services, keys);
  return word;
};
