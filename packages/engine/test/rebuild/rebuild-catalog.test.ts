import { describe, expect, test } from 'vitest';
import { toHex, utf8 } from '../../src/bytes.ts';
import { applyHold } from '../../src/holds/apply-hold.ts';
import { setHold } from '../../src/holds/set-hold.ts';
import type { HoldId, PackId, PointId } from '../../src/ids.ts';
import { expirePoints } from '../../src/maintenance/expire-points.ts';
import { createChunkIdReader } from '../../src/maintenance/pack-chunk-ids.ts';
import { sweepPacks } from '../../src/maintenance/sweep-packs.ts';
import { objectNameOf } from '../../src/packs/object-names.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import { isInSlice, PackDates } from '../../src/rebuild/pack-dates.ts';
import { rebuildCatalog, type RebuildPlace, type RebuildReport } from '../../src/rebuild/rebuild-catalog.ts';
import {
  FaultPlan,
  MemoryCatalog,
  MemoryChunkIndex,
  ProcessKilledError,
  withFaults,
} from '../../src/testing/index.ts';
import { Harness, day } from '../runs/harness.ts';
import { strideOf } from '../thoroughness.ts';

/** A vault with points of all types, whose tables can be lost. */
class Scene extends Harness {
  readonly points: PointId[] = [];
  tables = { catalog: this.catalog, index: this.index };

  static async make(seed: string): Promise<Scene> {
    const scene = new Scene(seed);
    for (let file = 0; file < 12; file++) scene.plantFile(file, 'first');
    for (const type of ['full', 'incremental', 'differential', 'synthetic-full', 'incremental'] as const) {
      scene.points.push((await scene.backUp(type)).root.point);
      scene.plantFile(scene.points.length, type);
    }
    return scene;
  }

  plantFile(file: number, content: string): void {
    this.source.plant(`file-${file}`, Buffer.alloc(20_000, `${file} ${content}`));
  }

  /** From now on both tables are empty ones. */
  loseTables(): void {
    this.tables = { catalog: new MemoryCatalog(), index: new MemoryChunkIndex() };
  }

  get rebuilt() {
    return { ...this.services, ...this.tables };
  }

  async rebuild(services: Scene['rebuilt'] = this.rebuilt): Promise<RebuildReport> {
    return rebuildCatalog(services, await this.keys());
  }

  /** Paths whose content in a point is not that of the source, and those that could not be restored. */
  async differences(point: PointId): Promise<readonly string[]> {
    const { state, outcome } = await this.restore(point);
    const source = await this.snapshotOfSource();
    const paths = new Set([...state.keys(), ...source.keys()]);
    const differing = [...paths].filter(
      (path) =>
        toHex(state.get(path)?.content ?? utf8('none')) !== toHex(source.get(path)?.content ?? utf8('')),
    );
    return [...differing, ...outcome.failed.map(({ message }) => message)];
  }

  async maintain(): Promise<void> {
    const { store } = this;
    const { catalog, index } = this.tables;
    await expirePoints({ store, catalog });
    await sweepPacks({ store, catalog, index, listChunkIds: createChunkIdReader(store, await this.keys()) });
  }
}

function comparable(rows: readonly PackRow[]) {
  return rows
    .map(({ runId: _run, lockUntil: _intent, retentionClass, ...row }) => ({
      ...row,
      // Only packs of chunks carry their class in their name.
      ...(row.kind === 'chunks' && { retentionClass }),
    }))
    .toSorted((a, b) => (a.packId < b.packId ? -1 : 1));
}

async function pointsOf(catalog: MemoryCatalog) {
  const rows = await Array.fromAsync(catalog.points.listExpiring({}));
  return rows.toSorted((a, b) => (a.pointId < b.pointId ? -1 : 1));
}

test('tables that are lost come back from the bucket as they were', async () => {
  const scene = await Scene.make('as they were');
  scene.loseTables();

  const report = await scene.rebuild();

  const { catalog, index } = scene.tables;
  expect(await pointsOf(catalog)).toEqual(await pointsOf(scene.catalog));
  expect(comparable(catalog.packRows())).toEqual(comparable(scene.catalog.packRows()));
  expect(index.size).toBe(scene.index.size);
  expect(await catalog.resources.find(scene.arn)).toMatchObject({
    plan: 'daily',
    lastPointId: scene.points.at(-1),
  });
  expect(report).toMatchObject({
    resources: 1,
    points: 5,
    packs: scene.catalog.packRows().length,
    damagedPacks: [],
    failures: { count: 0 },
  });
});

test('a vault of more packs than memory is for comes back in slices of them, the same', async () => {
  const scene = await Scene.make('in slices');
  scene.loseTables();

  const report = await rebuildCatalog(scene.rebuilt, await scene.keys(), { packsInMemory: 2 });

  const { catalog, index } = scene.tables;
  expect(await pointsOf(catalog)).toEqual(await pointsOf(scene.catalog));
  expect(comparable(catalog.packRows())).toEqual(comparable(scene.catalog.packRows()));
  expect(index.size).toBe(scene.index.size);
  expect(report).toMatchObject({ points: 5, packs: scene.catalog.packRows().length, failures: { count: 0 } });
});

test('holds the dates of no pack outside its slice', async () => {
  const scene = await Scene.make('slices of dates');
  const packs = scene.catalog.packRows().map(({ packId }) => packId);
  const found = new Map<number, string[]>();
  for (const slice of [0, 1, 2]) {
    const dates = new PackDates(scene.services, await scene.keys(), { slice, slices: 3 });
    for await (const point of scene.catalog.points.listExpiring({})) await dates.addPoint(point);
    found.set(
      slice,
      packs.filter((packId) => dates.find(packId) !== undefined),
    );
  }

  expect([...found.values()].flat().toSorted()).toEqual(packs.toSorted());
  for (const [slice, ids] of found)
    expect(ids.every((id) => isInSlice(id as PackId, { slice, slices: 3 }))).toBe(true);
});

test('an interrupted one goes on where it stopped, and comes to the same', async () => {
  const scene = await Scene.make('interrupted');
  for (let more = 0; more < 20; more += 1) {
    scene.plantFile(more, `more ${more}`);
    await scene.backUp('incremental');
  }
  const whole = scene.catalog.packRows().length;
  scene.loseTables();
  let from: RebuildPlace | undefined;
  let packs = 0;
  let calls = 0;

  for (let done = false; !done;) {
    calls += 1;
    const stop = new AbortController();
    const before = packs;
    const call = rebuildCatalog(scene.rebuilt, await scene.keys(), {
      from,
      packsInMemory: 40,
      onPlace: (place) => (from = place),
      onProgress: ({ unit }) => {
        if (unit === 'pack') packs += 1;
        if (packs > before + 20) stop.abort();
      },
      signal: stop.signal,
    });
    done = await call.then(
      () => true,
      () => false,
    );
  }

  const { catalog, index } = scene.tables;
  expect(calls).toBeGreaterThan(1);
  // Those that were under way at an interruption are looked at again.
  expect(packs).toBeLessThan(whole + 20 * calls);
  expect(comparable(catalog.packRows())).toEqual(comparable(scene.catalog.packRows()));
  expect(index.size).toBe(scene.index.size);
});

test('says how it gets on: objects, roots, points, packs', async () => {
  const scene = await Scene.make('progress');
  scene.loseTables();
  const said: string[] = [];

  await rebuildCatalog(scene.rebuilt, await scene.keys(), {
    onProgress: ({ unit = 'file' }) => said.push(unit),
  });

  expect([...new Set(said)]).toEqual(['object', 'root', 'point', 'pack']);
});

test('after it the next incremental stores only what changed, and every point restores', async () => {
  const scene = await Scene.make('goes on');
  scene.loseTables();
  await scene.rebuild();
  const before = scene.tables.catalog.packRows().length;

  scene.plantFile(3, 'changed after the rebuild');
  const { root } = await scene.backUp('incremental', { services: scene.rebuilt });

  expect(root).toMatchObject({ type: 'incremental', base: scene.points.at(-1) });
  expect(root.counts).toMatchObject({ filesChanged: 2, newBytes: 40_000 });
  expect(scene.tables.catalog.packRows().length).toBeLessThanOrEqual(before + 3);
  for (const point of [...scene.points, root.point]) {
    const { outcome } = await scene.restore(point);
    expect(outcome.failed).toEqual([]);
  }
  expect(await scene.differences(root.point)).toEqual([]);
});

test('a full after it finds every chunk that the vault has', async () => {
  const scene = await Scene.make('deduplicates');
  await scene.backUp('full');
  scene.loseTables();
  await scene.rebuild();

  const { root } = await scene.backUp('full', { services: scene.rebuilt });

  expect(root.counts.newBytes).toBe(0);
});

test('what was locked stays, and what falls due is swept as before', async () => {
  const scene = await Scene.make('falls due');
  scene.loseTables();
  await scene.rebuild();

  scene.clock.advance(20 * day);
  await scene.maintain();
  for (const point of scene.points) expect((await scene.restore(point)).outcome.failed).toEqual([]);

  scene.clock.advance(100 * day);
  await scene.maintain();
  const left = await Array.fromAsync(scene.store.listVersions(''), ({ name }) => name);
  expect(left.filter((name) => /^(packs|pages|points|containers)\//.test(name))).toEqual([]);
});

test('a lock that somebody shortened does not hurry the sweeper', async () => {
  const scene = await Scene.make('shortened');
  const row = scene.catalog.packRows().find(({ kind }) => kind === 'chunks') as PackRow;
  const { versionId } = row;
  const bytes = await scene.store.get(objectNameOf(row));
  scene.clock.advance(200 * day);
  await scene.store.removeVersion(objectNameOf(row), versionId ?? '');
  scene.clock.advance(-200 * day);
  scene.store.plantVersion(objectNameOf(row), bytes);
  scene.loseTables();

  await scene.rebuild();

  const rebuilt = (await scene.tables.catalog.packs.findAll([row.packId])).get(row.packId);
  expect(rebuilt?.lockUntil).toEqual(row.lockedUntil);
});

test('held points and their containers are held again', async () => {
  const scene = await Scene.make('held');
  const container = scene.points[3] as PointId;
  const holdId = 'ab'.repeat(16) as HoldId;
  const scope = { kind: 'point', pointId: container } as const;
  const hold = await setHold(scene.services, { holdId, scope, setBy: 'ann', reason: 'case 7' });
  await applyHold(scene.services, await scene.keys(), hold);
  scene.loseTables();

  await scene.rebuild();
  // Its retention has ended, and no lease has been renewed since.
  scene.clock.advance(35.5 * day);
  await scene.maintain();

  const { catalog } = scene.tables;
  const [recovered] = await Array.fromAsync(catalog.holds.list());
  expect(recovered).toMatchObject({ scope, setBy: 'holdfast' });
  expect((await catalog.points.find(container))?.holds).toEqual([recovered?.holdId]);
  expect(catalog.packRows().filter(({ holds }) => holds !== undefined)).toMatchObject([
    { kind: 'container', holds: [recovered?.holdId] },
  ]);
  const { outcome } = await scene.restore(container);
  expect(outcome.failed).toEqual([]);
});

test('points whose rows are older than their holds are held again', async () => {
  const scene = await Scene.make('brought back');
  const container = scene.points[3] as PointId;
  const before = await pointsOf(scene.catalog);
  const holdId = 'ab'.repeat(16) as HoldId;
  const scope = { kind: 'resource', resourceArn: scene.arn } as const;
  const hold = await setHold(scene.services, { holdId, scope, setBy: 'ann', reason: 'case 7' });
  await applyHold(scene.services, await scene.keys(), hold);
  scene.loseTables();
  for (const row of before) await scene.tables.catalog.points.put(row);

  await scene.rebuild();

  const { catalog } = scene.tables;
  for (const { pointId, holds } of await pointsOf(catalog)) expect(holds, pointId).toHaveLength(1);
  const ofContainer = (await catalog.points.find(container))?.holds;
  expect(catalog.packRows().filter(({ holds }) => holds !== undefined)).toMatchObject([
    { kind: 'container', holds: ofContainer },
  ]);
});

test('a pack whose directory is damaged is never reused', async () => {
  const scene = await Scene.make('damaged');
  const row = scene.catalog.packRows().find(({ kind }) => kind === 'chunks') as PackRow;
  const bytes = (await scene.store.get(objectNameOf(row))).slice(0, -10);
  scene.clock.advance(200 * day);
  await scene.store.removeVersion(objectNameOf(row), row.versionId ?? '');
  scene.clock.advance(-200 * day);
  scene.store.plantVersion(objectNameOf(row), bytes);
  scene.loseTables();

  const report = await scene.rebuild();

  expect(report.damagedPacks).toEqual([row.packId]);
  const { root } = await scene.backUp('full', { services: scene.rebuilt });
  expect(await scene.differences(root.point)).toEqual([]);
});

describe('is repeatable', () => {
  test('and changes nothing of tables that are whole', async () => {
    const scene = await Scene.make('whole');
    const { catalog } = scene;
    const before = [comparable(catalog.packRows()), await pointsOf(catalog), scene.index.size];

    await scene.rebuild();

    expect([comparable(catalog.packRows()), await pointsOf(catalog), scene.index.size]).toEqual(before);
  });

  test('after a process that died at any call', async () => {
    const reference = await Scene.make('dies');
    reference.loseTables();
    await reference.rebuild();
    const wanted = [
      comparable(reference.tables.catalog.packRows()),
      await pointsOf(reference.tables.catalog),
    ];
    let killed = 0;
    for (let call = 1, alive = false; !alive; call += strideOf(17)) {
      const scene = await Scene.make('dies');
      scene.loseTables();
      const faults = new FaultPlan([{ kind: 'kill-after', call }]);
      const { store, catalog, index } = scene.rebuilt;
      const dying = {
        ...scene.rebuilt,
        store: withFaults(store, faults),
        catalog: withFaults(catalog, faults),
        index: withFaults(index, faults),
      };
      await scene.rebuild(dying).catch((error: unknown) => {
        if (!(error instanceof ProcessKilledError)) throw error;
      });
      alive = !faults.killed;
      if (!alive) killed += 1;

      await scene.rebuild();

      expect([comparable(scene.tables.catalog.packRows()), await pointsOf(scene.tables.catalog)]).toEqual(
        wanted,
      );
      expect(scene.tables.index.size).toBe(reference.tables.index.size);
    }
    expect(killed).toBeGreaterThan(3);
  });

  test('a row that is being deleted stays so', async () => {
    const scene = await Scene.make('deleting');
    const row = scene.catalog.packRows()[0] as PackRow;
    scene.catalog.plantPack({ ...row, state: 'deleting' });

    await scene.rebuild();

    expect((await scene.catalog.packs.findAll([row.packId])).get(row.packId)?.state).toBe('deleting');
  });
});
