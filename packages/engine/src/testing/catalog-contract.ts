import { beforeEach, describe, expect, test } from 'vitest';
import { CatalogConflictError } from '../errors.ts';
import type { RunId } from '../ids.ts';
import type { Catalog, PackRow, PointRow, RestoreRow } from '../ports/catalog.ts';
import { allOf } from './all-of.ts';
import { at, bucketArn, packClaim, packIdOf, pointRow, restoreRow, runRow } from './catalog-rows.ts';
import { catalogRunContract } from './catalog-run-contract.ts';
import { eventually } from './eventually.ts';

/** A catalog under test, and what only sweepers and verify write. */
export interface CatalogUnderTest {
  readonly catalog: Catalog;
  /** Writes a pack's row as it is. */
  plantPack(row: PackRow): Promise<void>;
}

/** What the suite needs to know of an adapter. */
export interface CatalogContractOptions {
  readonly name: string;
  /** An empty catalog, made anew for every test. */
  readonly make: () => Promise<CatalogUnderTest>;
}

/**
 * Every sentence of the {@link Catalog} port, as tests. Lists across resources may lag behind a write for a moment,
 * so the suite asks them again for up to ten seconds; single rows and the points of a resource may not.
 */
export function catalogContract(options: CatalogContractOptions): void {
  describe(`${options.name} as a catalog`, () => {
    let catalog: Catalog;
    let plantPack: CatalogUnderTest['plantPack'];

    beforeEach(async () => {
      const under = await options.make();
      catalog = under.catalog;
      plantPack = (row) => under.plantPack(row);
    });

    describe('resources', () => {
      const arn = bucketArn('photos');

      test('are what discovery found last', async () => {
        await catalog.putResource({
          arn,
          kind: 's3-bucket',
          plan: 'daly',
          problem: 'no plan daly',
          seenAt: at(0),
        });
        await catalog.putResource({ arn, kind: 's3-bucket', plan: 'daily', seenAt: at(1) });

        expect(await catalog.findResource(arn)).toEqual({
          arn,
          kind: 's3-bucket',
          plan: 'daily',
          seenAt: at(1),
        });
        expect(await catalog.findResource(bucketArn('absent'))).toBeUndefined();
      });

      test('keep what runs and points recorded on them when discovery finds them again', async () => {
        await catalog.putResource({ arn, kind: 's3-bucket', plan: 'daily', seenAt: at(0) });
        await catalog.openRun(runRow('1', 0));
        const point = pointRow(1);
        await catalog.putPoint(point);

        await catalog.putResource({ arn, kind: 's3-bucket', plan: 'daily', seenAt: at(5) });

        expect(await catalog.findResource(arn)).toEqual({
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

      test('are all listed, and only they', async () => {
        const names = Array.from({ length: 30 }, (_, n) => bucketArn(`b${n}`));
        for (const name of names) {
          await catalog.putResource({ arn: name, kind: 's3-bucket', plan: 'daily', seenAt: at(0) });
        }
        await catalog.openRun(runRow('1', 0, { resourceArn: bucketArn('never-discovered') }));

        await eventually(async () => {
          const listed = await allOf(catalog.listResources());
          expect(listed.map((row) => row.arn).sort()).toEqual(names.toSorted());
        });
      });

      test('can be taken away, and their points stay', async () => {
        await catalog.putResource({ arn, kind: 's3-bucket', plan: 'daily', seenAt: at(0) });
        await catalog.putPoint(pointRow(1));

        await catalog.removeResource(arn);
        await catalog.removeResource(arn);

        expect(await catalog.findResource(arn)).toBeUndefined();
        expect(await allOf(catalog.listPoints(arn))).toEqual([pointRow(1)]);
      });
    });

    describe('points', () => {
      const arn = bucketArn('photos');

      test('are found with all their fields, and can be put again', async () => {
        const row = pointRow(1, { basePointId: pointRow(0).pointId, type: 'differential', warnings: 3 });

        await catalog.putPoint(row);
        await catalog.putPoint(row);

        expect(await catalog.findPoint(row.pointId)).toEqual(row);
        expect(await allOf(catalog.listPoints(arn))).toEqual([row]);
        expect(await catalog.findPoint(pointRow(2).pointId)).toBeUndefined();
      });

      test('are listed newest first by source time, at once, and of their resource only', async () => {
        for (const minute of [5, 1, 9, 3]) await catalog.putPoint(pointRow(minute));
        await catalog.putPoint(pointRow(4, { resourceArn: bucketArn('films') }));

        expect(minutes(await allOf(catalog.listPoints(arn)))).toEqual([9, 5, 3, 1]);
        expect(minutes(await allOf(catalog.listPoints(arn, { from: at(3), to: at(5) })))).toEqual([5, 3]);
        expect(minutes(await allOf(catalog.listPoints(arn, { from: at(4) })))).toEqual([9, 5]);
        expect(minutes(await allOf(catalog.listPoints(arn, { to: at(4) })))).toEqual([3, 1]);
      });

      test('are listed over many pages', async () => {
        // Long names make rows large: 40 of them are more than the megabyte that DynamoDB returns at once.
        const rootName = 'r'.repeat(40_000);
        for (let minute = 0; minute < 40; minute++) await catalog.putPoint(pointRow(minute, { rootName }));

        expect(minutes(await allOf(catalog.listPoints(arn)))).toEqual(
          Array.from({ length: 40 }, (_, n) => 39 - n),
        );
      });

      test('move the resource on only when they are its newest', async () => {
        await catalog.putResource({ arn, kind: 's3-bucket', plan: 'daily', seenAt: at(0) });
        await catalog.putPoint(pointRow(5));
        await catalog.putPoint(pointRow(3));

        expect(await catalog.findResource(arn)).toMatchObject({
          lastPointId: pointRow(5).pointId,
          lastSourceTime: at(5),
        });
      });

      test('are found by the span of time in which their retention ends', async () => {
        for (const minute of [1, 2, 3, 4]) {
          await catalog.putPoint(pointRow(minute, { expiresAt: at(minute * 5000) }));
        }
        await catalog.putPoint(pointRow(6, { resourceArn: bucketArn('films'), expiresAt: at(5001) }));
        const found = async (range: { from?: Date; to?: Date }): Promise<number[]> =>
          minutes(await allOf(catalog.listPointsExpiring(range))).sort((a, b) => a - b);

        await eventually(async () => {
          expect(await found({ to: at(10_000) })).toEqual([1, 2, 6]);
          expect(await found({ from: at(5001), to: at(15_000) })).toEqual([2, 3, 6]);
          expect(await found({ from: at(15_001) })).toEqual([4]);
          expect(await found({})).toEqual([1, 2, 3, 4, 6]);
        });
      });

      test('expire when the row that was put last says so', async () => {
        await catalog.putPoint(pointRow(1, { expiresAt: at(5000) }));
        await catalog.putPoint(pointRow(1, { expiresAt: at(9000) }));

        await eventually(async () => {
          expect(await allOf(catalog.listPointsExpiring({ to: at(8000) }))).toEqual([]);
          expect(await allOf(catalog.listPointsExpiring({ to: at(9000) }))).toHaveLength(1);
        });
      });

      test('can be taken away, again too', async () => {
        await catalog.putPoint(pointRow(1));
        await catalog.putPoint(pointRow(2));

        await catalog.removePoint(pointRow(1).pointId);
        await catalog.removePoint(pointRow(1).pointId);

        expect(await catalog.findPoint(pointRow(1).pointId)).toBeUndefined();
        expect(minutes(await allOf(catalog.listPoints(arn)))).toEqual([2]);
      });
    });

    describe('packs', () => {
      const claim = packClaim('1');
      const stored = { versionId: 'v1', bytes: 33_554_432, lockedUntil: at(1000) };
      const live: PackRow = { ...claim, ...stored, state: 'live' };
      const getPack = async (id = claim.packId): Promise<PackRow | undefined> =>
        (await catalog.getPacks([id])).get(id);

      test('are claimed as writing, then live with what the store confirmed', async () => {
        await catalog.claimPack(claim);
        expect(await getPack()).toEqual({ ...claim, state: 'writing' });

        expect(await catalog.confirmPack(claim.packId, stored)).toBe('live');
        expect(await catalog.confirmPack(claim.packId, stored)).toBe('live');

        expect(await getPack()).toEqual(live);
      });

      test('have one owner: the id of another run is refused', async () => {
        await catalog.claimPack(claim);

        const other = { ...claim, runId: 'b2'.padStart(32, '0') as RunId };

        await expect(catalog.claimPack(other)).rejects.toBeInstanceOf(CatalogConflictError);
        expect((await getPack())?.runId).toBe(claim.runId);
      });

      test('can be claimed again by the same run, whose first answer was lost', async () => {
        await catalog.claimPack(claim);
        await catalog.claimPack(claim);

        expect(await getPack()).toEqual({ ...claim, state: 'writing' });
      });

      test('have one owner among twenty runs that race', async () => {
        const racers = Array.from({ length: 20 }, (_, n) =>
          catalog.claimPack({ ...claim, runId: `c${n}`.padStart(32, '0') as RunId }),
        );

        const outcomes = await Promise.allSettled(racers);

        expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(CatalogConflictError);
        }
      });

      test('are lost when their row is gone or being swept, and stay so', async () => {
        expect(await catalog.confirmPack(claim.packId, stored)).toBe('lost');
        expect(await getPack()).toBeUndefined();

        await plantPack({ ...claim, state: 'deleting' });

        expect(await catalog.confirmPack(claim.packId, stored)).toBe('lost');
        expect((await getPack())?.state).toBe('deleting');
      });

      test('take later leases, intent and confirmation apart, and never earlier ones', async () => {
        await plantPack(live);

        expect(await catalog.raiseLockUntil(claim.packId, at(2000))).toBe('raised');
        expect(await catalog.raiseLockUntil(claim.packId, at(1500))).toBe('raised');
        expect(await getPack()).toEqual({ ...live, lockUntil: at(2000) });
        expect(await catalog.confirmLockedUntil(claim.packId, at(2000))).toBe('confirmed');
        expect(await catalog.confirmLockedUntil(claim.packId, at(1500))).toBe('confirmed');
        expect(await getPack()).toEqual({ ...live, lockUntil: at(2000), lockedUntil: at(2000) });
      });

      test.each([
        { what: 'absent', row: undefined },
        { what: 'writing', row: { ...claim, state: 'writing' } as const },
        { what: 'deleting', row: { ...live, state: 'deleting' } as const },
        { what: 'damaged', row: { ...live, damaged: true } },
      ])('take no lease while $what', async ({ row }) => {
        if (row !== undefined) await plantPack(row);

        expect(await catalog.raiseLockUntil(claim.packId, at(2000))).toBe('not-live');
        expect(await catalog.confirmLockedUntil(claim.packId, at(2000))).toBe('not-live');
        expect(await getPack()).toEqual(row);
      });

      test('are read a thousand at once, those that exist, and no more than that', async () => {
        const ids = Array.from({ length: 1000 }, (_, n) => packIdOf(n.toString(16)));
        const existing = ids.filter((_, n) => n % 7 === 0);
        await Promise.all(existing.map((packId) => catalog.claimPack({ ...claim, packId })));

        const found = await catalog.getPacks([...ids]);

        expect([...found.keys()].sort()).toEqual(existing.toSorted());
        expect(await catalog.getPacks([])).toEqual(new Map());
        await expect(catalog.getPacks([...ids, packIdOf('fff')])).rejects.toMatchObject({
          name: 'InvalidInputError',
        });
      });
    });

    describe('restores', () => {
      test('are found and replaced', async () => {
        const row = restoreRow('1', 0);
        await catalog.putRestore(row);
        const done = {
          ...row,
          state: 'completed',
          endedAt: at(3),
          files: 4,
          bytes: 5,
          execution: 'e',
        } as const;

        await catalog.putRestore(done);

        expect(await catalog.findRestore(row.restoreId)).toEqual(done);
        expect(await catalog.findRestore('absent')).toBeUndefined();
      });

      test('are listed newest first within a span of time', async () => {
        for (const [id, minute] of [
          ['1', 5],
          ['2', 9],
          ['3', 1],
        ] as const) {
          await catalog.putRestore(restoreRow(id, minute));
        }

        await eventually(async () => {
          expect(restoreIds(await allOf(catalog.listRestores()))).toEqual(['2', '1', '3']);
          expect(restoreIds(await allOf(catalog.listRestores({ from: at(1), to: at(5) })))).toEqual([
            '1',
            '3',
          ]);
        });
      });
    });

    catalogRunContract(options.make);
  });
}

function minutes(list: readonly PointRow[]): number[] {
  return list.map((row) => (row.sourceTime.getTime() - at(0).getTime()) / 60_000);
}

function restoreIds(list: readonly RestoreRow[]): string[] {
  return list.map((row) => row.restoreId.slice(-1));
}
