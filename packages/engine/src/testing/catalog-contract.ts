import { beforeEach, describe, expect, test } from 'vitest';
import { CatalogConflictError } from '../errors.ts';
import type { RunId } from '../ids.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { RestoreRow } from '../ports/catalog/restores.ts';
import { allOf } from './all-of.ts';
import {
  at,
  bucketArn,
  livePack,
  packClaim,
  packIdOf,
  pointRow,
  restoreRow,
  runRow,
  storedAs,
} from './catalog-rows.ts';
import { catalogExpiryContract } from './catalog-expiry-contract.ts';
import { catalogPackMarksContract } from './catalog-pack-marks-contract.ts';
import { catalogPointContract } from './catalog-point-contract.ts';
import { catalogRunContract } from './catalog-run-contract.ts';
import { catalogSweepContract } from './catalog-sweep-contract.ts';
import { eventually } from './eventually.ts';

/** A catalog under test, and a way round it. */
export interface CatalogUnderTest {
  readonly catalog: Catalog;
  /** Writes a pack's row as it is, whatever was there. */
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

    describe('restores', () => {
      test('are found and replaced', async () => {
        const row = restoreRow('1', 0);
        await catalog.restores.put(row);
        const done = {
          ...row,
          state: 'completed',
          endedAt: at(3),
          files: 4,
          bytes: 5,
          execution: 'e',
        } as const;

        await catalog.restores.put(done);

        expect(await catalog.restores.find(row.restoreId)).toEqual(done);
        expect(await catalog.restores.find('absent')).toBeUndefined();
      });

      test('are listed newest first within a span of time', async () => {
        for (const [id, minute] of [
          ['1', 5],
          ['2', 9],
          ['3', 1],
        ] as const) {
          await catalog.restores.put(restoreRow(id, minute));
        }

        await eventually(async () => {
          expect(restoreIds(await allOf(catalog.restores.list()))).toEqual(['2', '1', '3']);
          expect(restoreIds(await allOf(catalog.restores.list({ from: at(1), to: at(5) })))).toEqual([
            '1',
            '3',
          ]);
        });
      });
    });

    catalogRunContract(options.make);
    catalogPointContract(options.make);
    catalogExpiryContract(options.make);
    catalogSweepContract(options.make);
    catalogPackMarksContract(options.make);
  });
}

function restoreIds(list: readonly RestoreRow[]): string[] {
  return list.map((row) => row.restoreId.slice(-1));
}
