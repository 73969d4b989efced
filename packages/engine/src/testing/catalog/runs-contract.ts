import { beforeEach, describe, expect, test } from 'vitest';
import { RunClosedError, RunOpenError, UnknownNameError } from '../../errors.ts';
import type { PointId, RunId } from '../../ids.ts';
import type { Catalog } from '../../ports/catalog/catalog.ts';
import type { RunRow } from '../../ports/catalog/runs.ts';
import { eventually } from '../eventually.ts';
import { allOf } from '../all-of.ts';
import type { MakeCatalog } from './catalog-under-test.ts';
import { at, bucketArn, runRow } from './rows.ts';

export function runsContract(make: MakeCatalog): void {
  let catalog: Catalog;

  beforeEach(async () => {
    ({ catalog } = await make());
  });

  const completed = { state: 'completed', endedAt: at(9), pointId: 'p1' as PointId } as const;

  describe('opening a run', () => {
    test('records it with all its fields', async () => {
      const row = runRow('1', 0, {
        typeReason: 'no base',
        basePointId: 'b' as PointId,
        chainPointId: 'c' as PointId,
        execution: 'arn:aws:states:execution',
      });

      expect(await catalog.runs.open(row)).toEqual(row);
      expect(await catalog.runs.find(row.runId)).toEqual(row);
    });

    test('is refused while another run of the resource is open and alive', async () => {
      const open = runRow('1', 0);
      await catalog.runs.open(open);

      const refused = catalog.runs.open(runRow('2', 5));

      await expect(refused).rejects.toBeInstanceOf(RunOpenError);
      await expect(refused).rejects.toMatchObject({ openRunId: open.runId });
      expect(await catalog.runs.find(runRow('2', 5).runId)).toBeUndefined();
    });

    test('is allowed for another resource', async () => {
      await catalog.runs.open(runRow('1', 0));

      const other = await catalog.runs.open(runRow('2', 0, { resourceArn: bucketArn('films') }));

      expect(other.state).toBe('open');
    });

    test('has one winner among twenty that race', async () => {
      const racers = Array.from({ length: 20 }, (_, n) => catalog.runs.open(runRow(`f${n}`, 0)));

      const outcomes = await Promise.allSettled(racers);

      const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(RunOpenError);
      }
    });

    test('with the same id again returns the row as it stands, open or over', async () => {
      const row = runRow('1', 0);
      await catalog.runs.open(row);
      await catalog.runs.update(row.runId, { execution: 'e1' });

      expect(await catalog.runs.open(row)).toEqual({ ...row, execution: 'e1' });
      await catalog.runs.close(row.runId, completed);
      expect(await catalog.runs.open(row)).toMatchObject({ state: 'completed', pointId: 'p1' });
    });

    test('twice at once with the same id gives both callers the same run', async () => {
      const row = runRow('1', 0);

      const [one, two] = await Promise.all([catalog.runs.open(row), catalog.runs.open(row)]);

      expect(one).toEqual(row);
      expect(two).toEqual(row);
    });

    test('takes over from a run that is no longer alive, and closes that as failed', async () => {
      const abandoned = runRow('1', 0);
      await catalog.runs.open(abandoned);
      const next = runRow('2', 10);

      expect(await catalog.runs.open(next)).toEqual(next);

      expect(await catalog.runs.find(abandoned.runId)).toMatchObject({
        state: 'failed',
        endedAt: next.startedAt,
      });
      await expect(catalog.runs.touch(abandoned.runId, at(60))).rejects.toBeInstanceOf(RunClosedError);
      expect(await catalog.runs.close(abandoned.runId, completed)).toMatchObject({ state: 'failed' });
      expect(await catalog.runs.find(next.runId)).toEqual(next);
      await expect(catalog.runs.open(runRow('3', 11))).rejects.toMatchObject({ openRunId: next.runId });
    });

    test('takes over from a cancelled run that nobody ended', async () => {
      const abandoned = runRow('1', 0);
      await catalog.runs.open(abandoned);
      await catalog.runs.cancel(abandoned.runId);

      await expect(catalog.runs.open(runRow('2', 9))).rejects.toBeInstanceOf(RunOpenError);
      await catalog.runs.open(runRow('2', 10));

      expect(await catalog.runs.find(abandoned.runId)).toMatchObject({ state: 'failed' });
    });

    test('has one heir when several take over an abandoned run at once', async () => {
      await catalog.runs.open(runRow('1', 0));
      const heirs = Array.from({ length: 10 }, (_, n) => catalog.runs.open(runRow(`e${n}`, 20)));

      const outcomes = await Promise.allSettled(heirs);

      expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(RunOpenError);
      }
    });
  });

  describe('an open run', () => {
    test('changes its plan fields and keeps the others', async () => {
      const row = runRow('1', 0);
      await catalog.runs.open(row);

      const changed = await catalog.runs.update(row.runId, {
        type: 'full',
        typeReason: 'no base',
        leaseUntil: at(7),
      });

      expect(changed).toEqual({ ...row, type: 'full', typeReason: 'no base', leaseUntil: at(7) });
      expect(await catalog.runs.find(row.runId)).toEqual(changed);
    });

    test('stays alive when it is touched, and never for shorter than somebody said before', async () => {
      const row = runRow('1', 0);
      await catalog.runs.open(row);

      await catalog.runs.touch(row.runId, at(30));
      await catalog.runs.touch(row.runId, at(20));

      expect((await catalog.runs.find(row.runId))?.aliveUntil).toEqual(at(30));
      await expect(catalog.runs.open(runRow('2', 29))).rejects.toBeInstanceOf(RunOpenError);
    });

    test('hears of its cancelling when it is touched or changed', async () => {
      const row = runRow('1', 0);
      await catalog.runs.open(row);

      expect(await catalog.runs.cancel(row.runId)).toMatchObject({ state: 'cancelling' });
      expect(await catalog.runs.cancel(row.runId)).toMatchObject({ state: 'cancelling' });

      await expect(catalog.runs.touch(row.runId, at(30))).rejects.toBeInstanceOf(RunClosedError);
      await expect(catalog.runs.update(row.runId, { type: 'full' })).rejects.toBeInstanceOf(RunClosedError);
      await expect(catalog.runs.open(runRow('2', 5))).rejects.toBeInstanceOf(RunOpenError);
      expect(await catalog.runs.close(row.runId, { state: 'cancelled', endedAt: at(6) })).toMatchObject({
        state: 'cancelled',
      });
    });

    test('that nobody opened is unknown', async () => {
      const runId = 'f'.repeat(32) as RunId;

      expect(await catalog.runs.find(runId)).toBeUndefined();
      await expect(catalog.runs.update(runId, { type: 'full' })).rejects.toBeInstanceOf(UnknownNameError);
      await expect(catalog.runs.touch(runId, at(1))).rejects.toBeInstanceOf(UnknownNameError);
      await expect(catalog.runs.cancel(runId)).rejects.toBeInstanceOf(UnknownNameError);
      await expect(catalog.runs.close(runId, completed)).rejects.toBeInstanceOf(UnknownNameError);
    });
  });

  describe('closing a run', () => {
    test('frees the resource for the next run', async () => {
      const row = runRow('1', 0);
      await catalog.runs.open(row);

      expect(await catalog.runs.close(row.runId, completed)).toEqual({ ...row, ...completed });
      expect(await catalog.runs.open(runRow('2', 1))).toMatchObject({ state: 'open' });
    });

    test('again with another outcome keeps the first', async () => {
      const row = runRow('1', 0);
      await catalog.runs.open(row);
      await catalog.runs.close(row.runId, completed);

      const again = await catalog.runs.close(row.runId, {
        state: 'failed',
        endedAt: at(99),
        error: { name: 'X', message: 'y' },
      });

      expect(again).toEqual({ ...row, ...completed });
      expect(await catalog.runs.find(row.runId)).toEqual({ ...row, ...completed });
    });

    test('again, late, does not free the resource from its next run', async () => {
      const row = runRow('1', 0);
      await catalog.runs.open(row);
      await catalog.runs.close(row.runId, completed);
      const next = runRow('2', 1);
      await catalog.runs.open(next);

      await catalog.runs.close(row.runId, completed);

      await expect(catalog.runs.open(runRow('3', 2))).rejects.toMatchObject({ openRunId: next.runId });
    });

    test('has one outcome when several close it at once', async () => {
      const row = runRow('1', 0);
      await catalog.runs.open(row);
      const states = ['completed', 'failed', 'cancelled', 'completed-with-warnings'] as const;

      const answers = await Promise.all(
        states.map((state) => catalog.runs.close(row.runId, { state, endedAt: at(5) })),
      );

      expect(new Set(answers.map((answer) => answer.state)).size).toBe(1);
      expect((await catalog.runs.find(row.runId))?.state).toBe(answers[0]?.state);
    });

    test('of a run that was cancelled keeps what really happened', async () => {
      const row = runRow('1', 0);
      await catalog.runs.open(row);
      await catalog.runs.cancel(row.runId);

      await catalog.runs.close(row.runId, completed);

      expect(await catalog.runs.cancel(row.runId)).toMatchObject({ state: 'completed' });
    });

    test('keeps what went wrong', async () => {
      const row = runRow('1', 0);
      await catalog.runs.open(row);
      const error = { name: 'SourceUnavailableError', message: 'bucket photos does not exist' };

      await catalog.runs.close(row.runId, { state: 'failed', endedAt: at(3), error });

      expect((await catalog.runs.find(row.runId))?.error).toEqual(error);
    });

    test('records the outcome on the resource', async () => {
      const arn = bucketArn('photos');
      await catalog.resources.put({ arn, kind: 's3-bucket', plan: 'daily', seenAt: at(0) });
      const row = runRow('1', 0);
      await catalog.runs.open(row);
      expect(await catalog.resources.find(arn)).toMatchObject({ lastRunId: row.runId, lastRunState: 'open' });

      await catalog.runs.close(row.runId, completed);

      expect(await catalog.resources.find(arn)).toMatchObject({
        lastRunId: row.runId,
        lastRunState: 'completed',
      });
    });
  });

  describe('listing runs', () => {
    beforeEach(async () => {
      const later = { state: 'completed', endedAt: at(1000) } as const;
      for (const [id, minute, change] of [
        ['1', 0, {}],
        ['2', 20, { plan: 'weekly' }],
        ['3', 40, {}],
        ['4', 30, { resourceArn: bucketArn('films') }],
      ] as const) {
        const row = runRow(id, minute, change);
        await catalog.runs.open(row);
        await catalog.runs.close(row.runId, later);
      }
    });

    test('gives the newest first, by resource, by plan, by both and of all', async () => {
      const resourceArn = bucketArn('photos');

      await eventually(async () => {
        expect(ids(await allOf(catalog.runs.list({ resourceArn })))).toEqual(['3', '2', '1']);
        expect(ids(await allOf(catalog.runs.list({ plan: 'daily' })))).toEqual(['3', '4', '1']);
        expect(ids(await allOf(catalog.runs.list({ resourceArn, plan: 'weekly' })))).toEqual(['2']);
        expect(ids(await allOf(catalog.runs.list({})))).toEqual(['3', '4', '2', '1']);
      });
    });

    test('takes both ends of a span of time in', async () => {
      const range = { from: at(20), to: at(30) };

      await eventually(async () => {
        expect(ids(await allOf(catalog.runs.list({}, range)))).toEqual(['4', '2']);
        expect(ids(await allOf(catalog.runs.list({ resourceArn: bucketArn('photos') }, range)))).toEqual([
          '2',
        ]);
        expect(ids(await allOf(catalog.runs.list({}, { from: at(30) })))).toEqual(['3', '4']);
        expect(ids(await allOf(catalog.runs.list({}, { to: at(19) })))).toEqual(['1']);
      });
    });
  });
}

function ids(list: readonly RunRow[]): string[] {
  return list.map((row) => row.runId.slice(-1));
}
