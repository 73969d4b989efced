import { beforeEach, describe, expect, test } from 'vitest';
import type { Catalog } from '../../ports/catalog/catalog.ts';
import type { PackRow } from '../../ports/catalog/packs.ts';
import { allOf } from '../all-of.ts';
import type { CatalogUnderTest, MakeCatalog } from './catalog-under-test.ts';
import { at, holdIdOf, livePack, packClaim } from './rows.ts';
import { eventually } from '../eventually.ts';

const due = at(1001);

export function packsMarksContract(make: MakeCatalog): void {
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

  const getPack = async (): Promise<PackRow | undefined> =>
    (await catalog.packs.findAll([packId])).get(packId);
  const dueIds = async (before: Date): Promise<string[]> =>
    (await allOf(catalog.packs.listDue(before))).map((row) => row.packId);

  describe('held packs', () => {
    test('are not swept while anybody holds them', async () => {
      await plantPack(live);

      expect(await catalog.packs.addHold(packId, second)).toBe('held');
      expect(await catalog.packs.addHold(packId, first)).toBe('held');
      expect(await catalog.packs.addHold(packId, first)).toBe('held');
      expect(await getPack()).toEqual({ ...live, holds: [first, second] });

      await catalog.packs.removeHold(packId, second);
      await catalog.packs.removeHold(packId, second);
      expect(await catalog.packs.startDeleting(packId, due)).toBe('kept');
      expect(await getPack()).toEqual({ ...live, holds: [first] });

      await catalog.packs.removeHold(packId, first);
      expect(await getPack()).toEqual(live);
      expect(await catalog.packs.startDeleting(packId, due)).toEqual({ ...live, state: 'deleting' });
    });

    test('take leases as others do', async () => {
      await plantPack({ ...live, holds: [first] });

      expect(await catalog.packs.raiseLockUntil(packId, at(2000))).toBe('raised');
      expect(await catalog.packs.confirmLockedUntil(packId, at(2000))).toBe('confirmed');
      expect(await getPack()).toEqual({
        ...live,
        lockUntil: at(2000),
        lockedUntil: at(2000),
        holds: [first],
      });
    });

    test('cannot be packs that are not stored yet', async () => {
      await catalog.packs.claim(packClaim('1'));

      expect(await catalog.packs.addHold(packId, first)).toBe('not-live');
      expect(await getPack()).toEqual({ ...packClaim('1'), state: 'writing' });
    });
  });

  describe('damaged packs', () => {
    test('are listed, and absent for writers', async () => {
      await plantPack(live);
      await plantPack(livePack('2'));

      await catalog.packs.markDamaged(packId);
      await catalog.packs.markDamaged(packId);

      expect(await getPack()).toEqual({ ...live, damaged: true });
      expect(await catalog.packs.raiseLockUntil(packId, at(2000))).toBe('not-live');
      expect(await catalog.packs.confirmLockedUntil(packId, at(2000))).toBe('not-live');
      await eventually(async () => {
        expect(await allOf(catalog.packs.listDamaged())).toEqual([{ ...live, damaged: true }]);
      });
    });

    test('leave the list with their row', async () => {
      await plantPack(live);
      await catalog.packs.markDamaged(packId);
      await catalog.packs.startDeleting(packId, due);
      await catalog.packs.remove(packId);

      await eventually(async () => {
        expect(await allOf(catalog.packs.listDamaged())).toEqual([]);
      });
    });
  });

  describe('packs that are found in the store', () => {
    test('get a row where there is none, with its holds', async () => {
      const row = { ...live, holds: [first, second] };

      await catalog.packs.recover(row);

      expect(await getPack()).toEqual(row);
      expect(await catalog.packs.startDeleting(packId, due)).toBe('kept');
      await eventually(async () => {
        expect(await dueIds(due)).toEqual([packId]);
      });
    });

    test('are on the list of damaged ones if they were', async () => {
      await catalog.packs.recover({ ...live, damaged: true });

      await eventually(async () => {
        expect(await allOf(catalog.packs.listDamaged())).toEqual([{ ...live, damaged: true }]);
      });
    });

    test('give later dates and missing holds to the row that there is, and nothing else', async () => {
      await plantPack({ ...live, damaged: true, holds: [first] });

      await catalog.packs.recover({
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

      await catalog.packs.recover(live);

      expect(await getPack()).toEqual({
        ...live,
        lockUntil: at(2000),
        lockedUntil: at(2000),
        holds: [first],
      });
    });

    test('do not end what a writer is at', async () => {
      await catalog.packs.claim(packClaim('1'));

      await catalog.packs.recover(live);

      expect(await getPack()).toEqual({ ...packClaim('1'), state: 'writing', lockedUntil: at(1000) });
    });
  });
}
