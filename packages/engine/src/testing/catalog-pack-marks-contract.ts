import { beforeEach, describe, expect, test } from 'vitest';
import type { Catalog, PackRow } from '../ports/catalog.ts';
import { allOf } from './all-of.ts';
import { at, holdIdOf, livePack, packClaim } from './catalog-rows.ts';
import type { CatalogUnderTest } from './catalog-contract.ts';
import { eventually } from './eventually.ts';

const due = at(1001);

/** How packs are held, marked as damaged, and found again in the store: a part of the catalog's suite. */
export function catalogPackMarksContract(make: () => Promise<CatalogUnderTest>): void {
  let catalog: Catalog;
  let plantPack: CatalogUnderTest['plantPack'];
  const live = livePack('1');
  const { packId } = live;
  const [first, second] = [holdIdOf('1'), holdIdOf('2')];

  beforeEach(async () => {
    const under = await make();
    catalog = under.catalog;
    plantPack = (row) => under.plantPack(row);
  });

  const getPack = async (): Promise<PackRow | undefined> => (await catalog.getPacks([packId])).get(packId);
  const dueIds = async (before: Date): Promise<string[]> =>
    (await allOf(catalog.listPacksDue(before))).map((row) => row.packId);

  describe('held packs', () => {
    test('are not swept while anybody holds them', async () => {
      await plantPack(live);

      expect(await catalog.addPackHold(packId, second)).toBe('held');
      expect(await catalog.addPackHold(packId, first)).toBe('held');
      expect(await catalog.addPackHold(packId, first)).toBe('held');
      expect(await getPack()).toEqual({ ...live, holds: [first, second] });

      await catalog.removePackHold(packId, second);
      await catalog.removePackHold(packId, second);
      expect(await catalog.startDeleting(packId, due)).toBe('kept');
      expect(await getPack()).toEqual({ ...live, holds: [first] });

      await catalog.removePackHold(packId, first);
      expect(await getPack()).toEqual(live);
      expect(await catalog.startDeleting(packId, due)).toEqual({ ...live, state: 'deleting' });
    });

    test('take leases as others do', async () => {
      await plantPack({ ...live, holds: [first] });

      expect(await catalog.raiseLockUntil(packId, at(2000))).toBe('raised');
      expect(await catalog.confirmLockedUntil(packId, at(2000))).toBe('confirmed');
      expect(await getPack()).toEqual({
        ...live,
        lockUntil: at(2000),
        lockedUntil: at(2000),
        holds: [first],
      });
    });

    test('cannot be packs that are not stored yet', async () => {
      await catalog.claimPack(packClaim('1'));

      expect(await catalog.addPackHold(packId, first)).toBe('not-live');
      expect(await getPack()).toEqual({ ...packClaim('1'), state: 'writing' });
    });
  });

  describe('damaged packs', () => {
    test('are listed, and absent for writers', async () => {
      await plantPack(live);
      await plantPack(livePack('2'));

      await catalog.markDamaged(packId);
      await catalog.markDamaged(packId);

      expect(await getPack()).toEqual({ ...live, damaged: true });
      expect(await catalog.raiseLockUntil(packId, at(2000))).toBe('not-live');
      expect(await catalog.confirmLockedUntil(packId, at(2000))).toBe('not-live');
      await eventually(async () => {
        expect(await allOf(catalog.listDamagedPacks())).toEqual([{ ...live, damaged: true }]);
      });
    });

    test('leave the list with their row', async () => {
      await plantPack(live);
      await catalog.markDamaged(packId);
      await catalog.startDeleting(packId, due);
      await catalog.removePack(packId);

      await eventually(async () => {
        expect(await allOf(catalog.listDamagedPacks())).toEqual([]);
      });
    });
  });

  describe('packs that are found in the store', () => {
    test('get a row where there is none, with its holds', async () => {
      const row = { ...live, holds: [first, second] };

      await catalog.recoverPack(row);

      expect(await getPack()).toEqual(row);
      expect(await catalog.startDeleting(packId, due)).toBe('kept');
      await eventually(async () => {
        expect(await dueIds(due)).toEqual([packId]);
      });
    });

    test('are on the list of damaged ones if they were', async () => {
      await catalog.recoverPack({ ...live, damaged: true });

      await eventually(async () => {
        expect(await allOf(catalog.listDamagedPacks())).toEqual([{ ...live, damaged: true }]);
      });
    });

    test('give later dates and missing holds to the row that there is, and nothing else', async () => {
      await plantPack({ ...live, damaged: true, holds: [first] });

      await catalog.recoverPack({
        ...live,
        versionId: 'v2',
        bytes: 1,
        lockUntil: at(2000),
        lockedUntil: at(3000),
        holds: [second],
      });

      expect(await getPack()).toEqual({
        ...live,
        damaged: true,
        lockUntil: at(2000),
        lockedUntil: at(3000),
        holds: [first, second],
      });
      await eventually(async () => {
        expect(await dueIds(at(2000))).toEqual([]);
        expect(await dueIds(at(2001))).toEqual([packId]);
      });
    });

    test('take nothing away from the row that there is', async () => {
      await plantPack({ ...live, lockUntil: at(2000), lockedUntil: at(2000), holds: [first] });

      await catalog.recoverPack(live);

      expect(await getPack()).toEqual({
        ...live,
        lockUntil: at(2000),
        lockedUntil: at(2000),
        holds: [first],
      });
    });

    test('do not end what a writer is at', async () => {
      await catalog.claimPack(packClaim('1'));

      await catalog.recoverPack(live);

      expect(await getPack()).toEqual({ ...packClaim('1'), state: 'writing', lockedUntil: at(1000) });
    });
  });
}
