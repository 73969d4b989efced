import { beforeEach, describe, expect, test } from 'vitest';
import type { Catalog } from '../../ports/catalog/catalog.ts';
import { allOf } from '../all-of.ts';
import { eventually } from '../eventually.ts';
import type { MakeCatalog } from './catalog-under-test.ts';
import { at, bucketArn, pointRow, runRow } from './rows.ts';

export function resourcesContract(make: MakeCatalog): void {
  let catalog: Catalog;

  beforeEach(async () => {
    ({ catalog } = await make());
  });

  describe('resources', () => {
    const arn = bucketArn('photos');

    test('are what discovery found last', async () => {
      await catalog.resources.put({
        arn,
        kind: 's3-bucket',
        plan: 'daly',
        problem: 'no plan daly',
        seenAt: at(0),
      });
      await catalog.resources.put({ arn, kind: 's3-bucket', plan: 'daily', seenAt: at(1) });

      expect(await catalog.resources.find(arn)).toEqual({
        arn,
        kind: 's3-bucket',
        plan: 'daily',
        seenAt: at(1),
      });
      expect(await catalog.resources.find(bucketArn('absent'))).toBeUndefined();
    });

    test('carry the tags that discovery saw last', async () => {
      const found = { arn, kind: 's3-bucket', plan: 'daily', seenAt: at(0) } as const;
      const tags = { 'holdfast:plan': 'daily', team: '', 'cost center': 'r&d' };

      const partOf = bucketArn('another');
      await catalog.resources.put({ ...found, partOf });
      expect(await catalog.resources.find(arn)).toMatchObject({ partOf });
      await catalog.resources.put({ ...found, tags });
      expect(await catalog.resources.find(arn)).not.toHaveProperty('partOf');
      expect((await catalog.resources.find(arn))?.tags).toEqual(tags);
      await catalog.resources.put({ ...found, tags: { team: 'web' } });
      expect((await catalog.resources.find(arn))?.tags).toEqual({ team: 'web' });
      await catalog.resources.put(found);

      expect(await catalog.resources.find(arn)).toEqual(found);
    });

    test('keep what runs and points recorded on them when discovery finds them again', async () => {
      await catalog.resources.put({ arn, kind: 's3-bucket', plan: 'daily', seenAt: at(0) });
      await catalog.runs.open(runRow('1', 0));
      const point = pointRow(1);
      await catalog.points.put(point);

      await catalog.resources.put({ arn, kind: 's3-bucket', plan: 'daily', seenAt: at(5) });

      expect(await catalog.resources.find(arn)).toEqual({
        arn,
        kind: 's3-bucket',
        plan: 'daily',
        seenAt: at(5),
        lastRunId: runRow('1', 0).runId,
        lastRunState: 'open',
        lastPointId: point.pointId,
        lastSourceTime: point.sourceTime,
      });
    });

    test('keep the last quote, whether discovery has seen them or not', async () => {
      const quote = {
        quotedAt: at(0).toISOString(),
        logicalBytes: 5_000,
        storedBytes: { value: 2_000.5, low: 1_900, high: 2_100 },
        changedPerDay: 0.01,
      };
      await catalog.resources.noteQuote(arn, { ...quote, logicalBytes: 2 });
      expect(await catalog.resources.find(arn)).toBeUndefined();

      const found = { arn, kind: 's3-bucket', plan: 'daily', seenAt: at(1) } as const;
      await catalog.resources.put(found);
      await catalog.resources.noteQuote(arn, quote);
      await catalog.resources.put(found);

      expect(await catalog.resources.find(arn)).toEqual({ ...found, quote });
      await eventually(async () => {
        expect(await allOf(catalog.resources.list())).toEqual([{ ...found, quote }]);
      });
    });

    test('are all listed by ARN, and only they, behind any ARN too', async () => {
      const names = Array.from({ length: 30 }, (_, n) => bucketArn(`b${n}`));
      for (const name of names) {
        await catalog.resources.put({ arn: name, kind: 's3-bucket', plan: 'daily', seenAt: at(0) });
      }
      await catalog.runs.open(runRow('1', 0, { resourceArn: bucketArn('never-discovered') }));

      await eventually(async () => {
        const listed = await allOf(catalog.resources.list());
        expect(listed.map((row) => row.arn)).toEqual(names.toSorted());
      });
      const [first, second = arn] = names.toSorted().slice(10);
      const behind = await allOf(catalog.resources.list(first));
      expect(behind.map((row) => row.arn)).toEqual(names.toSorted().slice(11));
      await catalog.resources.remove(second);
      await eventually(async () => {
        const rest = await allOf(catalog.resources.list(second));
        expect(rest.map((row) => row.arn)).toEqual(names.toSorted().slice(12));
      });
    });

    test('can be taken away, and their points stay', async () => {
      await catalog.resources.put({ arn, kind: 's3-bucket', plan: 'daily', seenAt: at(0) });
      await catalog.points.put(pointRow(1));

      await catalog.resources.remove(arn);
      await catalog.resources.remove(arn);

      expect(await catalog.resources.find(arn)).toBeUndefined();
      expect(await allOf(catalog.points.list(arn))).toEqual([pointRow(1)]);
    });
  });
}
