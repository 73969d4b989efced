import { beforeEach, describe, expect, test } from 'vitest';
import { forEachConcurrent } from '../../map-concurrent.ts';
import type { Catalog } from '../../ports/catalog/catalog.ts';
import { type PackRow, sweepPartitions } from '../../ports/catalog/packs.ts';
import { allOf } from '../all-of.ts';
import { bothWays } from '../both-ways.ts';
import type { CatalogUnderTest, MakeCatalog } from './catalog-under-test.ts';
import { at, holdIdOf, livePack, packClaim, packIdOf, storedAs } from './rows.ts';
import { eventually } from '../eventually.ts';

const due = at(1001);

export function packsSweepContract(make: MakeCatalog): void {
  let catalog: Catalog;
  let plantPack: CatalogUnderTest['plantPack'];
  const live = livePack('1');
  const { packId } = live;
  const holdId = holdIdOf('1');

  beforeEach(async () => {
    const under = await make();
    catalog = under.catalog;
    plantPack = (row) => under.plantPack(row);
  });

  const getPack = async (id = packId): Promise<PackRow | undefined> =>
    (await catalog.packs.findAll([id])).get(id);
  const dueIds = async (before: Date, partition?: number): Promise<string[]> =>
    (await allOf(catalog.packs.listDue(before, partition))).map((row) => row.packId);

  describe('packs that are due', () => {
    test('are those of any state whose intent ended before a time, and not at it', async () => {
      await catalog.packs.claim(packClaim('1'));
      await plantPack(livePack('2', { lockUntil: at(2000) }));
      await plantPack(livePack('3', { state: 'deleting' }));
      await plantPack(livePack('4', { lockUntil: at(3000), damaged: true }));

      await eventually(async () => {
        expect(await dueIds(at(1000))).toEqual([]);
        expect((await dueIds(new Date(at(1000).getTime() + 1))).sort()).toEqual([
          packIdOf('1'),
          packIdOf('3'),
        ]);
        expect((await dueIds(at(3001))).sort()).toEqual(['1', '2', '3', '4'].map(packIdOf));
      });
    });

    test('are listed with all their fields, the longest overdue holdId in a partition', async () => {
      const rows = [5, 2, 9, 1].map((n) => livePack(`${n}a`, { lockUntil: at(n) }));
      for (const row of rows) await plantPack(row);

      await eventually(async () => {
        expect(await allOf(catalog.packs.listDue(due, 10))).toEqual(
          rows.toSorted((a, b) => a.lockUntil.getTime() - b.lockUntil.getTime()),
        );
      });
    });

    test('are divided among the partitions, each in one', async () => {
      const ids = Array.from({ length: 40 }, (_, n) => packIdOf(n.toString(16)));
      await Promise.all(ids.map((id) => catalog.packs.claim({ ...packClaim('1'), packId: id })));

      await eventually(async () => {
        const parts: string[][] = [];
        for (let n = 0; n < sweepPartitions; n++) parts.push(await dueIds(due, n));
        expect(parts.flat().sort()).toEqual(ids.toSorted());
        expect(parts.every((part) => part.length > 0)).toBe(true);
      });
    });

    test('are not due any more when their intent was raised', async () => {
      await plantPack(live);
      await catalog.packs.raiseLockUntil(packId, at(2000));

      await eventually(async () => {
        expect(await dueIds(at(2000))).toEqual([]);
        expect(await dueIds(at(2001))).toEqual([packId]);
      });
    });

    test('are listed over many pages, also while those that were listed are swept', async () => {
      const ids = Array.from({ length: 600 }, (_, n) => packIdOf(`${n.toString(16)}7`));
      await forEachConcurrent(ids, 32, async (id) => {
        await catalog.packs.claim({ ...packClaim('1'), packId: id });
      });
      await eventually(async () => {
        expect(await dueIds(due, 7)).toHaveLength(600);
      });

      const swept: string[] = [];
      for await (const row of catalog.packs.listDue(due, 7)) {
        swept.push(row.packId);
        if (swept.length % 100 !== 0) continue;
        await catalog.packs.startDeleting(row.packId, due);
        await catalog.packs.remove(row.packId);
      }

      expect(swept.sort()).toEqual(ids.toSorted());
    });
  });

  describe('packs that are swept', () => {
    test.each([
      { what: 'live', row: live },
      { what: 'writing', row: { ...packClaim('1'), state: 'writing' } as const },
      { what: 'damaged', row: { ...live, damaged: true } },
    ])('are marked once their intent ended before a time while $what, again too', async ({ row }) => {
      await plantPack(row);

      expect(await catalog.packs.startDeleting(packId, at(1000))).toBe('kept');
      expect(await getPack()).toEqual(row);
      expect(await catalog.packs.startDeleting(packId, due)).toEqual({ ...row, state: 'deleting' });
      expect(await catalog.packs.startDeleting(packId, due)).toEqual({ ...row, state: 'deleting' });
      // Whatever a second sweeper thinks of the date: the decision has been taken.
      expect(await catalog.packs.startDeleting(packId, at(0))).toEqual({ ...row, state: 'deleting' });
      expect(await getPack()).toEqual({ ...row, state: 'deleting' });
    });

    test('are not made by sweeping one that is gone', async () => {
      expect(await catalog.packs.startDeleting(packId, due)).toBe('kept');
      await catalog.packs.remove(packId);
      await catalog.packs.postponeDeleting(packId, at(2000));
      await catalog.packs.markDamaged(packId);
      await catalog.packs.removeHold(packId, holdId);
      expect(await catalog.packs.addHold(packId, holdId)).toBe('not-live');

      expect(await getPack()).toBeUndefined();
      expect(await allOf(catalog.packs.listDamaged())).toEqual([]);
    });

    test('never come back', async () => {
      await plantPack(live);
      await catalog.packs.startDeleting(packId, due);

      expect(await catalog.packs.confirm(packId, storedAs)).toBe('lost');
      expect(await catalog.packs.raiseLockUntil(packId, at(9000))).toBe('not-live');
      expect(await catalog.packs.confirmLockedUntil(packId, at(9000))).toBe('not-live');
      expect(await catalog.packs.addHold(packId, holdId)).toBe('not-live');
      await expect(catalog.packs.claim(packClaim('1'))).rejects.toMatchObject({
        name: 'CatalogConflictError',
      });
      await catalog.packs.postponeDeleting(packId, at(9000));
      await catalog.packs.recover(live);

      expect((await getPack())?.state).toBe('deleting');
    });

    test('lose their row only after they were marked', async () => {
      await plantPack(live);

      await catalog.packs.remove(packId);
      expect(await getPack()).toEqual(live);
      await catalog.packs.startDeleting(packId, due);
      await catalog.packs.remove(packId);
      await catalog.packs.remove(packId);

      expect(await getPack()).toBeUndefined();
      await eventually(async () => {
        expect(await dueIds(due)).toEqual([]);
      });
    });

    test('can be found again later when the store still locks them, and live ones stay where they are', async () => {
      await plantPack(livePack('1', { state: 'deleting' }));
      await plantPack(livePack('2'));

      await catalog.packs.postponeDeleting(packId, at(5000));
      await catalog.packs.postponeDeleting(packIdOf('2'), at(5000));

      expect(await getPack()).toEqual(livePack('1', { state: 'deleting', lockUntil: at(5000) }));
      expect(await getPack(packIdOf('2'))).toEqual(livePack('2'));
      await eventually(async () => {
        expect(await dueIds(due)).toEqual([packIdOf('2')]);
        expect((await dueIds(at(5001))).sort()).toEqual([packId, packIdOf('2')]);
      });
    });

    test('are either leased or swept when both are tried at once', async () => {
      const ids = await plantRacers();

      const outcomes = await Promise.all(
        ids.map((id, n) => {
          const sweep = () => catalog.packs.startDeleting(id, due);
          const lease = () => catalog.packs.raiseLockUntil(id, at(2000));
          return bothWays(n, sweep, lease);
        }),
      );

      const rows = await catalog.packs.findAll(ids);
      for (const [n, [swept, leased]] of outcomes.entries()) {
        const row = rows.get(ids[n] ?? packId);
        expect(swept === 'kept').toBe(leased === 'raised');
        expect(row?.state).toBe(leased === 'raised' ? 'live' : 'deleting');
        expect(row?.lockUntil).toEqual(leased === 'raised' ? at(2000) : at(1000));
      }
    });

    test('are either held or swept when both are tried at once', async () => {
      const ids = await plantRacers();

      const outcomes = await Promise.all(
        ids.map((id, n) => {
          const sweep = () => catalog.packs.startDeleting(id, due);
          const hold = () => catalog.packs.addHold(id, holdId);
          return bothWays(n, sweep, hold);
        }),
      );

      const rows = await catalog.packs.findAll(ids);
      for (const [n, [swept, held]] of outcomes.entries()) {
        const row = rows.get(ids[n] ?? packId);
        expect(swept === 'kept').toBe(held === 'held');
        expect(row?.state).toBe(held === 'held' ? 'live' : 'deleting');
        expect(row?.holds).toEqual(held === 'held' ? [holdId] : undefined);
      }
    });

    test('are either confirmed or swept when a writer is overdue', async () => {
      const ids = racerIds;
      await Promise.all(ids.map((id) => catalog.packs.claim({ ...packClaim('1'), packId: id })));

      const outcomes = await Promise.all(
        ids.map((id, n) => {
          const sweep = () => catalog.packs.startDeleting(id, due);
          const confirm = () => catalog.packs.confirm(id, storedAs);
          return bothWays(n, sweep, confirm);
        }),
      );

      const rows = await catalog.packs.findAll(ids);
      for (const [n, [swept, confirmed]] of outcomes.entries()) {
        // Overdue either way: a confirmed pack is swept too when the sweeper comes second.
        expect(swept).not.toBe('kept');
        expect(rows.get(ids[n] ?? packId)).toEqual({
          ...packClaim('1'),
          ...(confirmed === 'live' ? storedAs : {}),
          packId: ids[n],
          state: 'deleting',
        });
      }
    });

    async function plantRacers() {
      await Promise.all(racerIds.map((id) => plantPack({ ...live, packId: id })));
      return racerIds;
    }
  });
}

const racerIds = Array.from({ length: 12 }, (_, n) => packIdOf(`d${n.toString(16)}`));
