import { describe, expect, test } from 'vitest';
import type { HoldId } from '../../src/ids.ts';
import { objectNameOf } from '../../src/packs/object-names.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import { explore, type Exploration, type Scenario } from './explorer.ts';
import { expireOnce, rebuild, sweepOnce } from './maintainers.ts';
import {
  baseAfterwards,
  damageUnseen,
  expiryFirst,
  expiryFromNow,
  holdsLast,
  keysAsTheyAre,
  noIntent,
  oneDate,
  prolonger,
  rowAfterObject,
  rowBeforeObject,
  unconditionally,
  withoutDates,
  withoutGrace,
  withoutLocks,
} from './planted.ts';
import { flagAll } from './holders.ts';
import type { Program } from './live-actor.ts';
import { runAlone } from './run-alone.ts';
import {
  firstHold,
  makeLostTables,
  makeScenario,
  makeSharedVault,
  runsOf,
  secondHold,
  writer,
} from './scenarios.ts';
import { dayAfter, makeSmallVault } from './small-vault.ts';
import { makeVolumeRun } from './volume-run.ts';

/** Explores breadth first, so that the trace is a shortest one, and prints it. */
async function find(rule: string, scenario: Scenario): Promise<NonNullable<Exploration['fault']>> {
  const { fault, states, seconds } = await explore(scenario, { order: 'breadth' });
  if (fault === undefined) throw new Error(`${rule}: nothing was found in ${states} states`);
  const lines = fault.trace.map((line, at) => `  ${at + 1}. ${line}`).join('\n');
  console.log(`without ${rule}, after ${states} states, ${seconds.toFixed(1)} s: ${fault.what}\n${lines}`);
  return fault;
}

/** What has been lost, not only what the store would let go of. */
const lossOnly = { lossOnly: true } as const;

describe('a rule that is taken away', () => {
  test('of a whole run of a volume: what its base has is not locked for longer', async () => {
    const scenario = await makeVolumeRun({ times: [] });
    const [run] = scenario.actors;
    const actors = [{ name: 'run', program: withoutLocks(run?.program as Program) }];

    const { what } = await find('longer locks', { ...scenario, actors });

    expect(what).toMatch(/which the store keeps only until/);
  });

  test('1: a crash after the object and before its row leaves an object that nobody finds', async () => {
    const scenario = await makeScenario((vault) => {
      const { other } = runsOf(vault);
      const run = { ...other, contents: ['new'] };
      return { actors: [{ name: 'writer', program: rowAfterObject(writer(run)) }], crashes: 1, times: [] };
    });

    expect((await find('rule 1', scenario)).what).toMatch(/packs\/.* stays for ever/);
  });

  test('2: with one date, a run believes a lease that the store has never heard of', async () => {
    const scenario = await makeScenario((vault) => {
      const { next, other } = runsOf(vault);
      return {
        actors: [
          { name: 'writer 1', program: oneDate(writer(next)) },
          { name: 'writer 2', program: oneDate(writer(other)) },
        ],
        crashes: 1,
        times: [dayAfter(1.9)],
      };
    });

    expect((await find('rule 2 (two dates)', scenario)).what).toMatch(/which the store keeps only until/);
  });

  test('2: without an intent, only the store itself keeps a sweeper from a pack that is being leased', async () => {
    const scenario = await makeScenario((vault) => ({
      actors: [
        { name: 'writer', program: noIntent(writer(runsOf(vault).other)) },
        { name: 'sweeper', program: sweepOnce },
      ],
      times: [dayAfter(4.6)],
    }));

    expect((await find('rule 2 (intent first)', scenario)).what).toMatch(/the store had to refuse/);
  });

  test('3: a run that stalls commits a point whose packs are swept before it expires', async () => {
    const scenario = await makeScenario((vault) => ({
      actors: [
        { name: 'writer', program: writer(runsOf(vault).other, expiryFromNow) },
        { name: 'sweeper', program: sweepOnce },
      ],
      times: [dayAfter(10.4), dayAfter(12)],
      ...lossOnly,
    }));

    expect((await find('rule 3', scenario)).what).toMatch(/has lost pack/);
  });

  test('4: the packs of the base are swept under the new point', async () => {
    const scenario = await makeScenario((vault) => ({
      actors: [
        { name: 'writer', program: writer(runsOf(vault).next, baseAfterwards) },
        { name: 'sweeper', program: sweepOnce },
      ],
      times: [dayAfter(4.6)],
      ...lossOnly,
    }));

    expect((await find('rule 4', scenario)).what).toMatch(/has lost pack/);
  });

  test('6: a sweeper that does not ask again takes what somebody has leased since', async () => {
    const scenario = await makeScenario((vault) => ({
      actors: [
        { name: 'writer', program: writer(runsOf(vault).other) },
        { name: 'sweeper', program: unconditionally(sweepOnce) },
      ],
      times: [dayAfter(4.6)],
    }));

    expect((await find('rule 6 (condition)', scenario)).what).toMatch(/the store had to refuse/);
  });

  test('6: a row that goes before its object leaves an object that nobody finds', async () => {
    const scenario = await makeScenario(() => ({
      actors: [{ name: 'sweeper', program: rowBeforeObject(sweepOnce) }],
      crashes: 1,
      times: [dayAfter(4.6)],
    }));

    expect((await find('rule 6 (order)', scenario)).what).toMatch(/stays for ever/);
  });

  test('6: without a grace, a sweeper whose clock is ahead takes what is still locked', async () => {
    const scenario = await makeScenario(() => ({
      actors: [{ name: 'sweeper', program: withoutGrace(sweepOnce), storeSkewMs: 5 * 60_000 }],
      times: [new Date(dayAfter(3.5).getTime() - 60_000)],
    }));

    expect((await find('rule 6 (grace)', scenario)).what).toMatch(/the store had to refuse/);
  });

  test('7: a point whose expiry is raised first is kept while its packs are swept', async () => {
    const scenario = await makeScenario(({ point }) => ({
      actors: [
        { name: 'prolonger', program: expiryFirst(point, dayAfter(6)) },
        { name: 'sweeper', program: sweepOnce },
        { name: 'expirer', program: expireOnce },
      ],
      crashes: 1,
      times: [dayAfter(4.6)],
      ...lossOnly,
    }));

    expect((await find('rule 7', scenario)).what).toMatch(/has lost pack/);
  });

  test('9: with the flag of the store alone, releasing one point lets go of what another one shares', async () => {
    const { vault, point, packs } = await makeSharedVault();
    const holding = { name: 'holder', program: flagged(vault.point, packs, firstHold, [true]) };
    const world = await runAlone(vault.world, holding, vault);
    const scenario = await makeScenario(
      () => ({
        actors: [
          { name: 'other holder', program: flagged(point, packs, secondHold, [true, false]) },
          { name: 'sweeper', program: sweepOnce },
        ],
        times: [dayAfter(4.6)],
        ...lossOnly,
        checkRest: async () => Promise.resolve(undefined),
        invariants: { held: [vault.point] },
      }),
      { ...vault, world },
    );

    expect((await find('rule 9', scenario)).what).toMatch(/has lost pack/);
  });

  test('10: a held point whose row comes back without its hold expires', async () => {
    const { vault, world } = await makeLostTables();
    const scenario = await makeScenario(
      () => ({
        actors: [
          { name: 'rebuilder', program: holdsLast(rebuild) },
          { name: 'expirer', program: expireOnce },
        ],
        times: [],
        isRebuilt: true,
        ...lossOnly,
        invariants: { held: [vault.point] },
      }),
      { ...vault, world },
    );

    expect((await find('rule 10 (holds first)', scenario)).what).toMatch(/is held, and gone/);
  });

  test('10: without dates, only the store itself keeps a sweeper from all packs', async () => {
    const vault = await makeSmallVault();
    const scenario = await makeScenario(
      () => ({
        actors: [
          { name: 'rebuilder', program: withoutDates(rebuild) },
          { name: 'sweeper', program: sweepOnce },
        ],
        times: [],
        isRebuilt: true,
      }),
      { ...vault, world: vault.world.withoutTables() },
    );

    expect((await find('rule 10 (dates)', scenario)).what).toMatch(/the store had to refuse/);
  });

  test('11: a point outlives the lock of the keys that open it', async () => {
    const vault = await makeSmallVault(dayAfter(1));
    const run = { ...runsOf(vault).other, contents: ['new'] };
    const scenario = await makeScenario(
      () => ({ actors: [{ name: 'writer', program: writer(run, keysAsTheyAre) }], times: [dayAfter(10.5)] }),
      vault,
    );

    expect((await find('rule 11', scenario)).what).toMatch(/needs (format\.json|keys\/)/);
  });

  test('12: a new point refers to bytes that verification has found to be damaged', async () => {
    const vault = await makeSmallVault();
    const { pack, point } = vault;
    const until = dayAfter(20);
    const world = await vault.world.changed(async ({ catalog, store }) => {
      catalog.plantPack({ ...pack, lockUntil: until, lockedUntil: until, damaged: true });
      await store.extendLock(objectNameOf(pack), pack.versionId as string, { mode: 'governance', until });
    });
    const damaged = { packIds: new Set([pack.packId]), olderPoints: new Set([point.pointId]) };
    const planted = await makeScenario(
      () => ({
        actors: [{ name: 'writer', program: damageUnseen(writer(runsOf(vault).other)) }],
        times: [],
        invariants: { damaged },
      }),
      { ...vault, world },
    );

    expect((await find('rule 12', planted)).what).toMatch(/marked as damaged/);
  });
});

/** Rule 9 taken away, as a program: flags on, and perhaps off again. */
function flagged(
  point: PointRow,
  packs: readonly PackRow[],
  holdId: HoldId,
  steps: readonly boolean[],
): Program {
  return async (services) => {
    for (const on of steps) await flagAll(services, point, packs, holdId, on);
    return 'flagged';
  };
}

test('a point that is prolonged by the rules is never lost, whoever dies', async () => {
  const scenario = await makeScenario(({ point }) => ({
    actors: [
      { name: 'prolonger', program: prolonger(point, dayAfter(6)) },
      { name: 'sweeper', program: sweepOnce },
      { name: 'expirer', program: expireOnce },
    ],
    crashes: 1,
    times: [dayAfter(2.1), dayAfter(4.6)],
    // It may lock what is being swept of a point that has expired.
    refusalsAreFaults: false,
  }));

  const { fault, complete } = await explore(scenario, { order: 'breadth' });

  expect(fault).toBeUndefined();
  expect(complete).toBe(true);
});
