import { describe, expect, test } from 'vitest';
import { consolidatePoint } from '../../src/consolidate/consolidate-point.ts';
import { newId } from '../../src/bytes.ts';
import { ObjectArchivedError } from '../../src/errors.ts';
import type { PointId, RunId } from '../../src/ids.ts';
import { containerName, pageName } from '../../src/packs/object-names.ts';
import { findThaw, thawPoint } from '../../src/restore/thaw-point.ts';
import { commitPoint, type CommittedPoint } from '../../src/runs/commit-point.ts';
import { openRun } from '../../src/runs/open-run.ts';
import { Harness, day } from '../runs/harness.ts';

class Scene extends Harness {
  /** Makes a container of a point, in a class of the store, kept for so many days. */
  async archive(pointId: PointId, storageClass: string, keepDays = 400): Promise<CommittedPoint> {
    const opened = await openRun(this.services, {
      ...this.request('synthetic-full', { runId: newId<RunId>(this.random), keepDays }),
      container: { pointId, storageClass },
    });
    if (opened.state === 'over') throw new Error('the run is over');
    const step = await consolidatePoint(this.services, opened.keys, opened.plan, { shouldStop: () => false });
    if (!step.done) throw new Error('it should be done at once');
    return commitPoint(this.services, opened.keys, opened.plan, async () => step.content);
  }
}

/** Two points; the first of them is to be kept for long. */
async function withPoints(): Promise<{ scene: Scene; first: PointId; second: PointId }> {
  const scene = new Scene('archive');
  scene.source.plant('a', 'a of the first point');
  scene.source.plant('b', 'b');
  const first = (await scene.backUp('full')).root.point;
  scene.source.plant('a', 'a of the second point');
  const second = (await scene.backUp('incremental')).root.point;
  return { scene, first, second };
}

function contentOf(state: Awaited<ReturnType<Scene['restore']>>['state']): string[] {
  return [...state.values()].map(({ content }) => Buffer.from(content).toString());
}

test('a point that is not the newest becomes a container of its own, kept for longer', async () => {
  const { scene, first } = await withPoints();

  const { root } = await scene.archive(first, 'GLACIER_IR');

  expect(root).toMatchObject({
    base: first,
    type: 'synthetic-full',
    container: { storageClass: 'GLACIER_IR' },
  });
  expect(Date.parse(root.expiresAt) - scene.clock.now().getTime()).toBeGreaterThan(399 * day);
  expect(contentOf((await scene.restore(root.point)).state)).toEqual(['a of the first point', 'b']);
});

test('what leads to an archived container stays where it can be read at once', async () => {
  const { scene, first } = await withPoints();

  const { root } = await scene.archive(first, 'DEEP_ARCHIVE');

  const classes = new Map<string, string | undefined>();
  for (const { pack, kind } of root.pagePacks) {
    const name = kind === 'pages' ? pageName(pack) : containerName(pack);
    classes.set(kind, (await scene.store.head(name)).storageClass);
  }
  expect(Object.fromEntries(classes)).toEqual({ container: 'DEEP_ARCHIVE', pages: undefined });
  expect(
    (await scene.store.head((await scene.catalog.points.find(root.point))?.rootName ?? '')).storageClass,
  ).toBe(undefined);
});

test('an archived container is never a base, although it is the newest of its source time', async () => {
  const { scene, second } = await withPoints();
  await scene.archive(second, 'GLACIER_IR');

  const next = await scene.backUp('incremental');

  expect(next.root).toMatchObject({ type: 'incremental', base: second });
});

test('it keeps no pack of the point that it was made of', async () => {
  const { scene, first } = await withPoints();
  const { root } = await scene.archive(first, 'GLACIER_IR');
  const leased = scene.catalog
    .packRows()
    .filter(({ lockUntil }) => lockUntil.getTime() > scene.clock.now().getTime() + 100 * day);

  expect(new Set(leased.map(({ packId }) => packId))).toEqual(
    new Set(root.pagePacks.map(({ pack }) => pack)),
  );
});

test('a point that has expired, or cannot be read, makes no full instead', async () => {
  const { scene, first } = await withPoints();
  scene.clock.advance(36 * day);

  await expect(scene.archive(first, 'GLACIER_IR')).rejects.toThrow(
    `point ${first} cannot become a container`,
  );
});

describe('a point in an archive', () => {
  test('is thawed before it is read, and says how long that takes and what it costs', async () => {
    const { scene, first } = await withPoints();
    const { root } = await scene.archive(first, 'DEEP_ARCHIVE');
    await expect(scene.restore(root.point)).rejects.toBeInstanceOf(ObjectArchivedError);

    const asked = await findThaw(scene.store, root, { speed: 'bulk', days: 3 });
    expect(asked).toMatchObject({ state: 'frozen', storageClass: 'DEEP_ARCHIVE', seconds: 48 * 3_600 });
    await thawPoint(scene.store, root, { speed: 'bulk', days: 3 });
    const again = await thawPoint(scene.store, root, { speed: 'bulk', days: 3 });

    expect(again.state).toBe('thawing');
    expect(scene.store.requests('thaw')).toBe(1);
    const name = containerName(root.container?.pack as never);
    const { versionId } = await scene.store.head(name);
    scene.store.finishThaw(name, versionId, new Date(scene.clock.now().getTime() + 3 * day));
    expect(await findThaw(scene.store, root, { speed: 'bulk', days: 3 })).toEqual({ state: 'readable' });
    expect(contentOf((await scene.restore(root.point)).state)).toEqual(['a of the first point', 'b']);
  });

  test('costs its thaw and the copy that stays readable, by the class, the speed and the days', async () => {
    const { scene, first } = await withPoints();
    const { root } = await scene.archive(first, 'DEEP_ARCHIVE');
    const gibibytes = (root.container?.bytes ?? 0) / 2 ** 30;

    const week = await findThaw(scene.store, root, { speed: 'standard', days: 30 });

    expect(week).toMatchObject({ dollars: expect.closeTo(0.0001 + gibibytes * (0.02 + 0.023), 12) });
  });

  test('that cannot thaw so fast says which speeds there are', async () => {
    const { scene, first } = await withPoints();
    const { root } = await scene.archive(first, 'DEEP_ARCHIVE');

    await expect(findThaw(scene.store, root, { speed: 'expedited', days: 3 })).rejects.toThrow(
      'DEEP_ARCHIVE, which does not thaw expedited; choose standard or bulk',
    );
  });

  test.each(['GLACIER_IR', 'STANDARD'])('can be read at once in %s', async (storageClass) => {
    const { scene, first } = await withPoints();
    const { root } = await scene.archive(first, storageClass);

    expect(await findThaw(scene.store, root, { speed: 'expedited', days: 3 })).toEqual({ state: 'readable' });
  });
});
