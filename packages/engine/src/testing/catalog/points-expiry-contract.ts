import { beforeEach, describe, expect, test } from 'vitest';
import type { PointId } from '../../ids.ts';
import type { Catalog } from '../../ports/catalog/catalog.ts';
import type { PointRow } from '../../ports/catalog/points.ts';
import { allOf } from '../all-of.ts';
import { bothWays } from '../both-ways.ts';
import type { MakeCatalog } from './catalog-under-test.ts';
import { at, bucketArn, holdIdOf, pointRow } from './rows.ts';
import { eventually } from '../eventually.ts';

const due = at(50_001);
const racers = Array.from({ length: 12 }, (_, minute) => pointRow(minute, { expiresAt: at(50_001) }));

export function pointsExpiryContract(make: MakeCatalog): void {
  let catalog: Catalog;
  const point = pointRow(1);
  const { pointId } = point;
  const [first, second] = [holdIdOf('1'), holdIdOf('2')];

  beforeEach(async () => {
    ({ catalog } = await make());
  });

  describe('points that end', () => {
    test('are marked when their retention has ended, to the millisecond, again too', async () => {
      await catalog.points.put(point);

      expect(await catalog.points.startExpiring(pointId, new Date(point.expiresAt.getTime() - 1))).toBe(
        'kept',
      );
      expect(await catalog.points.find(pointId)).toEqual(point);
      expect(await catalog.points.startExpiring(pointId, point.expiresAt)).toEqual({
        ...point,
        expiring: true,
      });
      expect(await catalog.points.startExpiring(pointId, point.expiresAt)).toEqual({
        ...point,
        expiring: true,
      });
      expect(await catalog.points.find(pointId)).toEqual({ ...point, expiring: true });
    });

    test('stay marked for an expirer whose clock is behind', async () => {
      await catalog.points.put(point);
      await catalog.points.startExpiring(pointId, due);

      expect(await catalog.points.startExpiring(pointId, at(0))).toEqual({ ...point, expiring: true });
    });

    test('keep a note of snapshots that are gone, also when they are put again, until it is taken back', async () => {
      await catalog.points.put(point);

      await catalog.points.noteSnapshotsMissing(pointId, 2);
      await catalog.points.put(point);
      expect(await catalog.points.find(pointId)).toEqual({ ...point, snapshotsMissing: 2 });
      await catalog.points.noteSnapshotsMissing(pointId, 0);
      expect(await catalog.points.find(pointId)).toEqual(point);
      await catalog.points.remove(pointId);
      await catalog.points.noteSnapshotsMissing(pointId, 1);
      expect(await catalog.points.find(pointId)).toBeUndefined();
    });

    test('keep a note of signs, also when they are put again', async () => {
      const kept = [
        {
          pointId,
          sourceTime: at(0).toISOString(),
          signs: [{ sign: 'changed', share: 0.5, usual: 0.02 } as const],
        },
      ];
      await catalog.points.put(point);

      await catalog.points.noteSigns(pointId, kept);
      await catalog.points.put(point);
      expect(await catalog.points.find(pointId)).toEqual({ ...point, keptSigns: kept });
      await catalog.points.remove(pointId);
      await catalog.points.noteSigns(pointId, kept);
      expect(await catalog.points.find(pointId)).toBeUndefined();
    });

    test('are not made by marking one that is gone', async () => {
      await catalog.points.put(point);
      await catalog.points.remove(pointId);

      expect(await catalog.points.startExpiring(pointId, due)).toBe('kept');
      expect(await catalog.points.prolong(pointId, at(60_000))).toBe('gone');
      expect(await catalog.points.addHold(pointId, first)).toBe('gone');
      await catalog.points.removeHold(pointId, first);

      expect(await catalog.points.find(pointId)).toBeUndefined();
      expect(await allOf(catalog.points.list(point.resourceArn))).toEqual([]);
      expect(await allOf(catalog.points.listExpiring({}))).toEqual([]);
    });

    test('are neither prolonged nor held any more', async () => {
      await catalog.points.put(point);
      await catalog.points.startExpiring(pointId, due);

      expect(await catalog.points.prolong(pointId, at(60_000))).toBe('gone');
      expect(await catalog.points.addHold(pointId, first)).toBe('gone');

      expect(await catalog.points.find(pointId)).toEqual({ ...point, expiring: true });
    });

    test('are prolonged to a later date, never to an earlier one, and found by it', async () => {
      await catalog.points.put(point);

      expect(await catalog.points.prolong(pointId, at(60_000))).toBe('prolonged');
      expect(await catalog.points.prolong(pointId, at(60_000))).toBe('prolonged');
      expect(await catalog.points.prolong(pointId, at(55_000))).toBe('prolonged');

      expect(await catalog.points.find(pointId)).toEqual({ ...point, expiresAt: at(60_000) });
      expect(await catalog.points.startExpiring(pointId, at(59_999))).toBe('kept');
      await eventually(async () => {
        expect(await allOf(catalog.points.listExpiring({ to: at(59_999) }))).toEqual([]);
        expect(await allOf(catalog.points.listExpiring({ from: at(60_000) }))).toHaveLength(1);
      });
    });

    test('keep holds and a later expiry when their row is put again', async () => {
      await catalog.points.put(point);
      await catalog.points.addHold(pointId, first);
      await catalog.points.prolong(pointId, at(60_000));

      await catalog.points.put({ ...point, warnings: 7 });

      const kept: PointRow = { ...point, warnings: 7, expiresAt: at(60_000), holds: [first] };
      expect(await catalog.points.find(pointId)).toEqual(kept);
      await eventually(async () => {
        expect(await allOf(catalog.points.listHeld())).toEqual([kept]);
        expect(await allOf(catalog.points.listExpiring({ to: at(59_999) }))).toEqual([]);
      });
    });

    test('stay marked, and do not take holds from a row that is put again', async () => {
      await catalog.points.put(point);
      await catalog.points.startExpiring(pointId, due);

      await catalog.points.put({ ...point, holds: [second] });

      expect(await catalog.points.find(pointId)).toEqual({ ...point, expiring: true });
    });

    test('lose a base that the row which is put again does not name', async () => {
      await catalog.points.put({ ...point, basePointId: pointRow(0).pointId });

      await catalog.points.put(point);

      expect(await catalog.points.find(pointId)).toEqual(point);
    });

    test('come with their holds into a catalog that is rebuilt', async () => {
      await catalog.points.put({ ...point, holds: [first, second] });

      expect(await catalog.points.find(pointId)).toEqual({ ...point, holds: [first, second] });
      expect(await catalog.points.startExpiring(pointId, due)).toBe('kept');
      await eventually(async () => {
        expect(await allOf(catalog.points.listHeld())).toHaveLength(1);
      });
    });

    test('are either held or removed when both are tried at once', async () => {
      await Promise.all(racers.map((row) => catalog.points.put(row)));

      const outcomes = await Promise.all(
        racers.map((row, n) => {
          const hold = () => catalog.points.addHold(row.pointId, first);
          const expire = () => catalog.points.startExpiring(row.pointId, due);
          return bothWays(n, hold, expire);
        }),
      );

      for (const [n, [held, expired]] of outcomes.entries()) {
        const row = await catalog.points.find(racers[n]?.pointId ?? pointId);
        expect(held === 'held').toBe(expired === 'kept');
        expect(row?.expiring === true).toBe(held === 'gone');
        expect(row?.holds).toEqual(held === 'held' ? [first] : undefined);
      }
    });

    test('are either prolonged or removed when both are tried at once', async () => {
      await Promise.all(racers.map((row) => catalog.points.put(row)));

      const outcomes = await Promise.all(
        racers.map((row, n) => {
          const prolong = () => catalog.points.prolong(row.pointId, at(60_000));
          const expire = () => catalog.points.startExpiring(row.pointId, due);
          return bothWays(n, prolong, expire);
        }),
      );

      for (const [n, [prolonged, expired]] of outcomes.entries()) {
        const row = await catalog.points.find(racers[n]?.pointId ?? pointId);
        expect(prolonged === 'prolonged').toBe(expired === 'kept');
        expect(row?.expiring === true).toBe(prolonged === 'gone');
        expect(row?.expiresAt).toEqual(prolonged === 'prolonged' ? at(60_000) : due);
      }
    });

    test('keep what happens to them while their row is put again', async () => {
      await Promise.all(racers.map((row) => catalog.points.put(row)));

      await Promise.all(
        racers.flatMap((row) => [
          catalog.points.put({ ...row, warnings: 7 }),
          catalog.points.addHold(row.pointId, first),
          catalog.points.prolong(row.pointId, at(60_000)),
          catalog.points.put({ ...row, warnings: 7 }),
        ]),
      );

      for (const row of racers) {
        const kept = { ...row, warnings: 7, expiresAt: at(60_000), holds: [first] };
        expect(await catalog.points.find(row.pointId)).toEqual(kept);
      }
    });
  });

  describe('held points', () => {
    test('do not end while anybody holds them', async () => {
      await catalog.points.put(point);

      expect(await catalog.points.addHold(pointId, second)).toBe('held');
      expect(await catalog.points.addHold(pointId, first)).toBe('held');
      expect(await catalog.points.addHold(pointId, first)).toBe('held');
      expect(await catalog.points.find(pointId)).toEqual({ ...point, holds: [first, second] });

      await catalog.points.removeHold(pointId, second);
      await catalog.points.removeHold(pointId, second);
      expect(await catalog.points.find(pointId)).toEqual({ ...point, holds: [first] });
      expect(await catalog.points.startExpiring(pointId, due)).toBe('kept');

      await catalog.points.removeHold(pointId, first);
      expect(await catalog.points.find(pointId)).toEqual(point);
      expect(await catalog.points.startExpiring(pointId, due)).toEqual({ ...point, expiring: true });
    });

    test('can be prolonged', async () => {
      await catalog.points.put(point);
      await catalog.points.addHold(pointId, first);

      expect(await catalog.points.prolong(pointId, at(60_000))).toBe('prolonged');
      expect(await catalog.points.find(pointId)).toEqual({ ...point, expiresAt: at(60_000), holds: [first] });
    });

    test('are listed while they are held, of all resources', async () => {
      const film = pointRow(2, { resourceArn: bucketArn('films') });
      for (const row of [point, film, pointRow(3)]) await catalog.points.put(row);
      for (const row of [point, film]) await catalog.points.addHold(row.pointId, first);
      await catalog.points.addHold(film.pointId, second);
      await eventually(async () => {
        expect(await heldIds(catalog)).toEqual([pointId, film.pointId]);
      });
      expect(await heldIds(catalog, pointId)).toEqual([film.pointId]);
      expect(await heldIds(catalog, film.pointId)).toEqual([]);

      await catalog.points.removeHold(pointId, first);
      await catalog.points.removeHold(film.pointId, first);

      await eventually(async () => {
        expect(await allOf(catalog.points.listHeld())).toEqual([{ ...film, holds: [second] }]);
      });
      await catalog.points.remove(film.pointId);
      await eventually(async () => {
        expect(await allOf(catalog.points.listHeld())).toEqual([]);
      });
    });

    test('lose nobody’s hold when many come and go at once', async () => {
      await catalog.points.put(point);
      const ids = Array.from({ length: 12 }, (_, n) => holdIdOf(`c${n.toString(16)}`));
      await Promise.all(ids.map((id) => catalog.points.addHold(pointId, id)));
      expect((await catalog.points.find(pointId))?.holds).toEqual(ids);

      await Promise.all([
        ...ids.slice(0, 6).map((id) => catalog.points.removeHold(pointId, id)),
        catalog.points.addHold(pointId, first),
      ]);
      expect((await catalog.points.find(pointId))?.holds).toEqual([first, ...ids.slice(6)]);
      await Promise.all([first, ...ids].map((id) => catalog.points.removeHold(pointId, id)));

      expect(await catalog.points.find(pointId)).toEqual(point);
      await eventually(async () => {
        expect(await allOf(catalog.points.listHeld())).toEqual([]);
      });
    });
  });
}

async function heldIds(catalog: Catalog, startAfter?: PointId): Promise<string[]> {
  return (await allOf(catalog.points.listHeld(startAfter))).map((row) => row.pointId);
}
