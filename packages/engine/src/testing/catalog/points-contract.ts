import { beforeEach, describe, expect, test } from 'vitest';
import type { Catalog } from '../../ports/catalog/catalog.ts';
import type { PointId } from '../../ids.ts';
import type { PointRow } from '../../ports/catalog/points.ts';
import { allOf } from '../all-of.ts';
import type { MakeCatalog } from './catalog-under-test.ts';
import { at, bucketArn, pointRow } from './rows.ts';
import { eventually } from '../eventually.ts';

export function pointsContract(make: MakeCatalog): void {
  let catalog: Catalog;

  beforeEach(async () => {
    ({ catalog } = await make());
  });

  describe('points', () => {
    const arn = bucketArn('photos');

    test('are found with all their fields, and can be put again', async () => {
      const row = pointRow(1, { basePointId: pointRow(0).pointId, type: 'differential', warnings: 3 });

      await catalog.points.put(row);
      await catalog.points.put(row);

      expect(await catalog.points.find(row.pointId)).toEqual(row);
      expect(await allOf(catalog.points.list(arn))).toEqual([row]);
      expect(await catalog.points.find(pointRow(2).pointId)).toBeUndefined();
    });

    test('are listed newest first by source time, at once, and of their resource only', async () => {
      for (const minute of [5, 1, 9, 3]) await catalog.points.put(pointRow(minute));
      await catalog.points.put(pointRow(4, { resourceArn: bucketArn('films') }));

      expect(minutes(await allOf(catalog.points.list(arn)))).toEqual([9, 5, 3, 1]);
      expect(minutes(await allOf(catalog.points.list(arn, { from: at(3), to: at(5) })))).toEqual([5, 3]);
      expect(minutes(await allOf(catalog.points.list(arn, { from: at(4) })))).toEqual([9, 5]);
      expect(minutes(await allOf(catalog.points.list(arn, { to: at(4) })))).toEqual([3, 1]);
    });

    test('of one source time are listed by id, the last first', async () => {
      const ids = [2, 4, 1, 3].map((digit) => `20261101T000100Z-${String(digit).repeat(16)}` as PointId);
      for (const pointId of ids) await catalog.points.put(pointRow(1, { pointId }));

      const listed = await allOf(catalog.points.list(arn));

      expect(listed.map(({ pointId }) => pointId)).toEqual(ids.toSorted().toReversed());
    });

    test('are listed over many pages', async () => {
      // Long names make rows large: 40 of them are more than the megabyte that DynamoDB returns at once.
      const rootName = 'r'.repeat(40_000);
      for (let minute = 0; minute < 40; minute++) await catalog.points.put(pointRow(minute, { rootName }));

      expect(minutes(await allOf(catalog.points.list(arn)))).toEqual(
        Array.from({ length: 40 }, (_, n) => 39 - n),
      );
    });

    test('move the resource on only when they are its newest', async () => {
      await catalog.resources.put({ arn, kind: 's3-bucket', plan: 'daily', seenAt: at(0) });
      await catalog.points.put(pointRow(5));
      await catalog.points.put(pointRow(3));

      expect(await catalog.resources.find(arn)).toMatchObject({
        lastPointId: pointRow(5).pointId,
        lastSourceTime: at(5),
      });
    });

    test('are found by the span of time in which their retention ends', async () => {
      for (const minute of [1, 2, 3, 4]) {
        await catalog.points.put(pointRow(minute, { expiresAt: at(minute * 5000) }));
      }
      await catalog.points.put(pointRow(6, { resourceArn: bucketArn('films'), expiresAt: at(5001) }));
      const found = async (range: { from?: Date; to?: Date }): Promise<number[]> =>
        minutes(await allOf(catalog.points.listExpiring(range))).sort((a, b) => a - b);

      await eventually(async () => {
        expect(await found({ to: at(10_000) })).toEqual([1, 2, 6]);
        expect(await found({ from: at(5001), to: at(15_000) })).toEqual([2, 3, 6]);
        expect(await found({ from: at(15_001) })).toEqual([4]);
        expect(await found({})).toEqual([1, 2, 3, 4, 6]);
      });
    });

    test('whose retention ends are listed on behind any of them, also one that is gone', async () => {
      const ids = ['a0', 'b0', '01', 'ab', 'ff'].map(
        (end) => `20261101T000100Z-${end.padStart(16, '0')}` as PointId,
      );
      for (const [n, pointId] of ids.entries())
        await catalog.points.put(pointRow(1, { pointId, expiresAt: at(5000 + (n % 2)) }));
      await catalog.points.put(pointRow(2, { expiresAt: at(9000) }));
      const range = { from: at(5000), to: at(6000) };
      const rest = async (after?: PointRow): Promise<PointRow[]> =>
        allOf(catalog.points.listExpiring(range, after));
      await eventually(async () => {
        expect((await rest()).map(({ pointId }) => pointId).sort()).toEqual(ids.toSorted());
      });
      const listed = await rest();

      for (const [n, row] of listed.entries()) expect(await rest(row)).toEqual(listed.slice(n + 1));
      await catalog.points.remove(listed[1]!.pointId);

      await eventually(async () => {
        expect(await rest()).toHaveLength(4);
      });
      expect(await rest(listed[1])).toEqual(listed.slice(2));
    });

    test('whose retention ends are listed on behind one that is in another span of time', async () => {
      for (const minute of [1, 2, 3, 4, 5, 6]) {
        const pointId = `20261101T00010${minute}Z-${`${minute % 2}`.padStart(16, '0')}` as PointId;
        await catalog.points.put(pointRow(1, { pointId, expiresAt: at(minute * 5000) }));
      }
      await eventually(async () => {
        expect(await allOf(catalog.points.listExpiring({}))).toHaveLength(6);
      });
      const all = await allOf(catalog.points.listExpiring({}));

      for (const [n, place] of all.entries()) {
        for (const range of [{ to: at(14_000) }, { from: at(16_000) }, { from: at(9000), to: at(21_000) }]) {
          const { from = at(0), to = at(60_000) } = range;
          const rest = all.slice(n + 1).filter(({ expiresAt }) => expiresAt >= from && expiresAt <= to);
          expect(await allOf(catalog.points.listExpiring(range, place))).toEqual(rest);
        }
      }
    });

    test('expire when the row that was put last says so', async () => {
      await catalog.points.put(pointRow(1, { expiresAt: at(5000) }));
      await catalog.points.put(pointRow(1, { expiresAt: at(9000) }));

      await eventually(async () => {
        expect(await allOf(catalog.points.listExpiring({ to: at(8000) }))).toEqual([]);
        expect(await allOf(catalog.points.listExpiring({ to: at(9000) }))).toHaveLength(1);
      });
    });

    test('can be taken away, again too', async () => {
      await catalog.points.put(pointRow(1));
      await catalog.points.put(pointRow(2));

      await catalog.points.remove(pointRow(1).pointId);
      await catalog.points.remove(pointRow(1).pointId);

      expect(await catalog.points.find(pointRow(1).pointId)).toBeUndefined();
      expect(minutes(await allOf(catalog.points.list(arn)))).toEqual([2]);
    });
  });
}

function minutes(list: readonly PointRow[]): number[] {
  return list.map((row) => (row.sourceTime.getTime() - at(0).getTime()) / 60_000);
}
