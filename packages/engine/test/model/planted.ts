import type { PackClaim } from '../../src/ports/catalog/packs.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import { prolongPoint } from '../../src/maintenance/prolong-point.ts';
import { commitPoint } from '../../src/runs/commit-point.ts';
import { leaseBase } from '../../src/runs/lease-base.ts';
import type { AllServices } from '../../src/services.ts';
import type { Program } from './live-actor.ts';
import { replaced, replacedCatalog, type CatalogMethods } from './replaced.ts';
import { dayAfter } from './small-vault.ts';
import { productSteps, type ThinSteps } from './thin-writer.ts';

/**
 * Faults that the model has to find: each takes one rule of docs/leases.md away, by a port that does not do what it
 * promises, or by a caller that does the product's steps in another order. No product code knows of them.
 */

/** A program whose catalog is another one. */
function withCatalog(program: Program, plant: (catalog: AllServices['catalog']) => CatalogMethods): Program {
  return async (services, keys) =>
    program({ ...services, catalog: replacedCatalog(services.catalog, plant(services.catalog)) }, keys);
}

/** Rule 1 taken away: the row is written after the object. */
export function rowAfterObject(program: Program): Program {
  return withCatalog(program, (catalog) => {
    const claims = new Map<string, PackClaim>();
    return {
      packs: {
        claim: async (claim) => void claims.set(claim.packId, claim),
        confirm: async (packId, stored) => {
          const claim = claims.get(packId);
          if (claim === undefined) return 'lost';
          await catalog.packs.recover({ ...claim, ...stored, state: 'live' });
          return 'live';
        },
      },
    };
  });
}

/** Rule 2 taken away: one date for both, written before the store has been asked. */
export function oneDate(program: Program): Program {
  return withCatalog(program, ({ packs }) => ({
    packs: {
      raiseLockUntil: async (packId, until) => {
        const raised = await packs.raiseLockUntil(packId, until);
        if (raised === 'raised') await packs.confirmLockedUntil(packId, until);
        return raised;
      },
    },
  }));
}

/** Rule 2 taken away: the store first, and no intent at all. */
export function noIntent(program: Program): Program {
  return withCatalog(program, () => ({ packs: { raiseLockUntil: async () => Promise.resolve('raised') } }));
}

/** Rule 3 taken away: the expiry counts from the commit, whatever the locks are. */
export const expiryFromNow = (): ThinSteps => ({
  ...productSteps,
  commitPoint: async (services, keys, plan, makeContent) =>
    commitPoint(services, keys, plan, async () => ({ ...(await makeContent()), lockedUntil: dayAfter(365) })),
});

/** Rule 4 taken away: the base is leased after the commit. */
export function baseAfterwards(): ThinSteps {
  let lease: (() => Promise<void>) | undefined;
  return {
    ...productSteps,
    leaseBase: async (services, keys, root, row, policy) => {
      lease = async () => void (await leaseBase(services, keys, root, row, policy));
      const promised = {
        ...services,
        store: replaced(services.store, { extendLock: async (...[, , lock]) => Promise.resolve(lock) }),
        catalog: replaced(services.catalog, {
          packs: replaced(services.catalog.packs, {
            raiseLockUntil: async () => Promise.resolve('raised'),
            confirmLockedUntil: async () => Promise.resolve('confirmed'),
          }),
        }),
      };
      return leaseBase(promised, keys, root, row, policy);
    },
    commitPoint: async (services, keys, plan, makeContent) => {
      const committed = await commitPoint(services, keys, plan, makeContent);
      await lease?.();
      return committed;
    },
  };
}

/** Rule 6 taken away: the sweeper takes what it once saw in the list, although somebody has leased it since. */
export function unconditionally(program: Program): Program {
  return withCatalog(program, ({ packs }) => ({
    packs: { startDeleting: async (packId) => packs.startDeleting(packId, dayAfter(36_500)) },
  }));
}

/** Rule 6 taken away: the row goes before the object. */
export function rowBeforeObject(program: Program): Program {
  return withCatalog(program, ({ packs }) => ({
    packs: {
      startDeleting: async (packId, dueBefore) => {
        const row = await packs.startDeleting(packId, dueBefore);
        if (row !== 'kept') await packs.remove(packId);
        return row;
      },
    },
  }));
}

/** Rule 6 taken away: no grace, and a clock of the store that is minutes ahead of the one that decides. */
export function withoutGrace(program: Program): Program {
  const graceMs = 24 * 3_600_000;
  return withCatalog(program, ({ packs }) => ({
    packs: {
      listDue: (before, partition) => packs.listDue(new Date(before.getTime() + graceMs), partition),
      startDeleting: async (packId, dueBefore) =>
        packs.startDeleting(packId, new Date(dueBefore.getTime() + graceMs)),
    },
  }));
}

/** A store that says that it has locked a version for longer, and has not. */
export function withoutLocks(program: Program): Program {
  return async (services, keys) => {
    const store = replaced(services.store, { extendLock: async (_name, _versionId, lock) => lock });
    return program({ ...services, store }, keys);
  };
}

/** Keeps a point until a date, with the product's lease pass. */
export function prolonger(point: PointRow, expiresAt: Date): Program {
  return async (services, keys) => (await prolongPoint(services, keys, point, { expiresAt })).state;
}

/** Rule 7 taken away: the expiry first, the leases after it. */
export function expiryFirst(point: PointRow, expiresAt: Date): Program {
  return async (services, keys) => {
    await services.catalog.points.prolong(point.pointId, expiresAt);
    return (await prolongPoint(services, keys, point, { expiresAt })).state;
  };
}

/** Rule 11 taken away: nobody extends the keys. */
export const keysAsTheyAre = (): ThinSteps => ({
  ...productSteps,
  ensureVaultLocks: async () => Promise.resolve(0),
});

/** Rule 12 taken away: marks of damage are not looked at. */
export function damageUnseen(program: Program): Program {
  return withCatalog(program, ({ packs }) => ({
    packs: {
      findAll: async (packIds) =>
        new Map(
          [...(await packs.findAll(packIds))].map(
            ([packId, row]) => [packId, { ...row, damaged: false }] as const,
          ),
        ),
    },
  }));
}

/** Rule 10 taken away: points get their rows back first, and their holds when all is done. */
export function holdsLast(program: Program): Program {
  return async (services, keys) => {
    const later: (() => Promise<unknown>)[] = [];
    const { points } = services.catalog;
    const planted = replacedCatalog(services.catalog, {
      points: {
        put: async ({ holds, ...row }) => {
          for (const holdId of holds ?? []) later.push(async () => points.addHold(row.pointId, holdId));
          return points.put(row);
        },
        addHold: async (...args) => {
          later.push(async () => points.addHold(...args));
          return Promise.resolve('held');
        },
      },
    });
    const word = await program({ ...services, catalog: planted }, keys);
    for (const hold of later) await hold();
    return word;
  };
}

/** Rule 10 taken away: rows come back without the dates that the store and the pack maps know. */
export function withoutDates(program: Program): Program {
  return withCatalog(program, ({ packs }) => ({
    packs: { recover: async (row) => packs.recover({ ...row, lockUntil: new Date(0) }) },
  }));
}
