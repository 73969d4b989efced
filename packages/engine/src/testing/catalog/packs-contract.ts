import { beforeEach, describe, expect, test } from 'vitest';
import { CatalogConflictError } from '../../errors.ts';
import type { RunId } from '../../ids.ts';
import type { Catalog } from '../../ports/catalog/catalog.ts';
import type { PackRow } from '../../ports/catalog/packs.ts';
import type { CatalogUnderTest, MakeCatalog } from './catalog-under-test.ts';
import { at, livePack, packClaim, packIdOf, storedAs } from './rows.ts';

export function packsContract(make: MakeCatalog): void {
  let catalog: Catalog;
  let plantPack: CatalogUnderTest['plantPack'];

  beforeEach(async () => {
    const under = await make();
    catalog = under.catalog;
    plantPack = (row) => under.plantPack(row);
  });

  describe('packs', () => {
    const claim = packClaim('1');
    const live = livePack('1');
    const getPack = async (id = claim.packId): Promise<PackRow | undefined> =>
      (await catalog.packs.findAll([id])).get(id);

    test('are claimed as writing, then live with what the store confirmed', async () => {
      await catalog.packs.claim(claim);
      expect(await getPack()).toEqual({ ...claim, state: 'writing' });

      expect(await catalog.packs.confirm(claim.packId, storedAs)).toBe('live');
      expect(await catalog.packs.confirm(claim.packId, storedAs)).toBe('live');

      expect(await getPack()).toEqual(live);
    });

    test('have one owner: the id of another run is refused', async () => {
      await catalog.packs.claim(claim);

      const other = { ...claim, runId: 'b2'.padStart(32, '0') as RunId };

      await expect(catalog.packs.claim(other)).rejects.toBeInstanceOf(CatalogConflictError);
      expect((await getPack())?.runId).toBe(claim.runId);
    });

    test('can be claimed again by the same run, whose first answer was lost', async () => {
      await catalog.packs.claim(claim);
      await catalog.packs.claim(claim);

      expect(await getPack()).toEqual({ ...claim, state: 'writing' });
    });

    test('have one owner among twenty runs that race', async () => {
      const racers = Array.from({ length: 20 }, (_, n) =>
        catalog.packs.claim({ ...claim, runId: `c${n}`.padStart(32, '0') as RunId }),
      );

      const outcomes = await Promise.allSettled(racers);

      expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(CatalogConflictError);
      }
    });

    test('are lost when their row is gone or being swept, and stay so', async () => {
      expect(await catalog.packs.confirm(claim.packId, storedAs)).toBe('lost');
      expect(await getPack()).toBeUndefined();

      await plantPack({ ...claim, state: 'deleting' });

      expect(await catalog.packs.confirm(claim.packId, storedAs)).toBe('lost');
      expect((await getPack())?.state).toBe('deleting');
    });

    test('take later leases, intent and confirmation apart, and never earlier ones', async () => {
      await plantPack(live);

      expect(await catalog.packs.raiseLockUntil(claim.packId, at(2000))).toBe('raised');
      expect(await catalog.packs.raiseLockUntil(claim.packId, at(1500))).toBe('raised');
      expect(await getPack()).toEqual({ ...live, lockUntil: at(2000) });
      expect(await catalog.packs.confirmLockedUntil(claim.packId, at(2000))).toBe('confirmed');
      expect(await catalog.packs.confirmLockedUntil(claim.packId, at(1500))).toBe('confirmed');
      expect(await getPack()).toEqual({ ...live, lockUntil: at(2000), lockedUntil: at(2000) });
    });

    test.each([
      { what: 'absent', row: undefined },
      { what: 'writing', row: { ...claim, state: 'writing' } as const },
      { what: 'deleting', row: { ...live, state: 'deleting' } as const },
      { what: 'damaged', row: { ...live, damaged: true } },
    ])('take no lease while $what', async ({ row }) => {
      if (row !== undefined) await plantPack(row);

      expect(await catalog.packs.raiseLockUntil(claim.packId, at(2000))).toBe('not-live');
      expect(await catalog.packs.confirmLockedUntil(claim.packId, at(2000))).toBe('not-live');
      expect(await getPack()).toEqual(row);
    });

    test('are read a thousand at once, those that exist, and no more than that', async () => {
      const ids = Array.from({ length: 1000 }, (_, n) => packIdOf(n.toString(16)));
      const existing = ids.filter((_, n) => n % 7 === 0);
      await Promise.all(existing.map((packId) => catalog.packs.claim({ ...claim, packId })));

      const found = await catalog.packs.findAll([...ids]);

      expect([...found.keys()].sort()).toEqual(existing.toSorted());
      expect(await catalog.packs.findAll([])).toEqual(new Map());
      await expect(catalog.packs.findAll([...ids, packIdOf('fff')])).rejects.toMatchObject({
        name: 'InvalidInputError',
      });
    });
  });
}
