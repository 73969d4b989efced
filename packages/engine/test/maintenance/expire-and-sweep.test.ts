import { describe, expect, test } from 'vitest';
import type { HoldId, PointId } from '../../src/ids.ts';
import { createChunkIdReader } from '../../src/maintenance/pack-chunk-ids.ts';
import { expirePoint, expirePoints } from '../../src/maintenance/expire-points.ts';
import { sweepPacks } from '../../src/maintenance/sweep-packs.ts';
import { containerName, objectNameOf } from '../../src/packs/object-names.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import { FaultPlan } from '../../src/testing/index.ts';
import { day, Harness, namesIn } from '../runs/harness.ts';
import { expectKept, limits, maintain, prepare, remains, sweepServices } from './expired-vault.ts';
import { rowOf } from './maintenance-vault.ts';

const hour = 3_600_000;

test('a point whose retention ended is removed, and of its packs those that nobody needs', async () => {
  const prepared = await prepare();
  const { harness, old, kept } = prepared;
  const before = harness.catalog.packRows();

  await maintain(harness);

  expect(await namesIn(harness.store, 'points/')).toEqual([kept.rootName]);
  expect(await harness.catalog.points.find(old.pointId)).toBeUndefined();
  const after = harness.catalog.packRows();
  expect(after.length).toBeLessThan(before.length);
  expect(after.map(({ state }) => state)).not.toContain('deleting');
  const stored = await namesIn(harness.store);
  expect(stored.filter((name) => /^(packs|pages)\//.test(name)).sort()).toEqual(
    after.map(objectNameOf).sort(),
  );
  await expectKept(prepared);
});

test('the items of swept chunks leave the index, those of others stay', async () => {
  const { harness } = await prepare();
  const chunkPacks = (): PackRow[] => harness.catalog.packRows().filter(({ kind }) => kind === 'chunks');
  const listChunkIds = createChunkIdReader(harness.store, await harness.keys());
  const swept = chunkPacks().filter(({ lockUntil }) => lockUntil < harness.clock.now());
  expect(swept.length).toBeGreaterThan(0);
  const ids = (await Promise.all(swept.map(async (row) => listChunkIds(row)))).flat();
  const packs = new Set(swept.map(({ packId }) => packId));
  const before = await harness.index.find(ids);
  // A chunk that was stored again since is named by its newer pack.
  const newer = ids.filter((id) => !packs.has(before.get(id)?.packId ?? ('' as never)));
  const size = harness.index.size;

  await maintain(harness);

  const after = await harness.index.find(ids);
  expect(new Set(after.keys())).toEqual(new Set(newer));
  expect(harness.index.size).toBe(size - (ids.length - newer.length));
  expect(harness.index.size).toBeGreaterThan(0);
});

test('an item that names a newer pack stays when the older pack is swept', async () => {
  const { harness } = await prepare();
  const old = harness.catalog
    .packRows()
    .find(({ kind, lockUntil }) => kind === 'chunks' && lockUntil < harness.clock.now()) as PackRow;
  const [id] = await createChunkIdReader(harness.store, await harness.keys())(old);
  if (id === undefined) throw new Error('an empty pack');
  const packId = harness.catalog.packRows().at(-1)?.packId ?? old.packId;
  harness.index.plant(id, { packId, frame: 0, offset: 40, length: 20, contentBytes: 3, start: 0 });

  await maintain(harness);

  expect((await harness.index.find([id])).get(id)?.packId).toBe(packId);
});

test('nothing is swept before its lease has been over for the grace', async () => {
  const { harness } = await prepare();
  const due = harness.catalog
    .packRows()
    .map(({ lockUntil }) => lockUntil)
    .sort((a, b) => a.getTime() - b.getTime())[0] as Date;
  const services = await sweepServices(harness);

  harness.clock.set(new Date(due.getTime() + 24 * hour));
  expect(await sweepPacks(services)).toMatchObject({ done: true, swept: 0 });
  harness.clock.set(new Date(due.getTime() + 24 * hour + 1_000));
  expect((await sweepPacks(services)).swept).toBeGreaterThan(0);
});

test('what the store locks for longer than the catalog says is put off until then, and swept afterwards', async () => {
  const { harness } = await prepare();
  const row = harness.catalog.packRows().find(({ lockUntil }) => lockUntil < harness.clock.now()) as PackRow;
  const until = new Date(harness.clock.now().getTime() + 5 * day);
  const name = objectNameOf(row);
  await harness.store.extendLock(name, row.versionId ?? '', { mode: 'governance', until });
  const services = await sweepServices(harness);

  const first = await sweepPacks(services);
  const put = harness.catalog.packRows().find(({ packId }) => packId === row.packId);
  const second = await sweepPacks(services);
  harness.clock.advance(6 * day + hour);
  const third = await sweepPacks(services);

  expect(first).toMatchObject({ done: true, locked: 1 });
  expect(put).toMatchObject({ state: 'deleting', lockUntil: until });
  expect(second).toMatchObject({ swept: 0, locked: 0 });
  expect(third.swept).toBe(1);
  expect(await namesIn(harness.store, name)).toEqual([]);
});

test('what a writer left that died before it could say what it stored is swept with its row', async () => {
  const { harness } = await prepare();
  const packId = 'ab'.repeat(16) as PackRow['packId'];
  const lockUntil = new Date(harness.clock.now().getTime() - 2 * day);
  const row = { packId, kind: 'chunks', retentionClass: 'standard', runId: 'run', lockUntil } as PackRow;
  await harness.catalog.packs.claim(row);
  harness.store.plantVersion(objectNameOf(row), new Uint8Array(10), {
    lock: { mode: 'governance', until: lockUntil },
  });
  harness.store.plantVersion(`${objectNameOf(row)}0`, new Uint8Array(1));

  await maintain(harness);

  expect(await namesIn(harness.store, objectNameOf(row))).toEqual([`${objectNameOf(row)}0`]);
  expect((await harness.catalog.packs.findAll([packId])).size).toBe(0);
});

test('a pack whose directory cannot be read is swept all the same', async () => {
  const { harness } = await prepare();
  const row = harness.catalog
    .packRows()
    .find(({ kind, lockUntil }) => kind === 'chunks' && lockUntil < harness.clock.now()) as PackRow;
  const name = objectNameOf(row);
  await harness.store.removeVersion(name, row.versionId ?? '');
  const versionId = harness.store.plantVersion(name, new Uint8Array(row.bytes ?? 0));
  harness.catalog.plantPack({ ...row, versionId });

  await maintain(harness);

  expect(await namesIn(harness.store, name)).toEqual([]);
});

describe('a legal hold', () => {
  const holdId = 'a hold' as HoldId;

  test('keeps a point after its retention, and its end lets it expire', async () => {
    const { harness, old } = await prepare();
    await harness.catalog.points.addHold(old.pointId, holdId);
    await harness.store.setLegalHold(old.rootName, old.rootVersionId, true);
    const services = await sweepServices(harness);

    expect(await expirePoints(services)).toMatchObject({ expired: 0, kept: 1 });
    expect(await expirePoint(services, old, harness.clock.now())).toBe('kept');
    await harness.catalog.points.removeHold(old.pointId, holdId);
    expect(await expirePoints(services)).toMatchObject({ expired: 1 });

    expect(await namesIn(harness.store, old.rootName)).toEqual([]);
  });

  test('keeps a container; the sweeper switches the flag off that a released one left', async () => {
    const harness = new Harness('held container');
    harness.source.plant('file', 'content');
    await harness.backUp('full', { limits, keepDays: 10 });
    await harness.backUp('synthetic-full', { limits, keepDays: 10 });
    const row = harness.catalog.packRows().find(({ kind }) => kind === 'container') as PackRow;
    await harness.catalog.packs.addHold(row.packId, holdId);
    await harness.store.setLegalHold(containerName(row.packId), row.versionId ?? '', true);
    harness.clock.advance(30 * day);

    await maintain(harness);
    expect(await namesIn(harness.store, 'containers/')).toHaveLength(1);
    await harness.catalog.packs.removeHold(row.packId, holdId);
    await maintain(harness);

    expect(await namesIn(harness.store, 'containers/')).toEqual([]);
    expect(harness.catalog.packRows()).toEqual([]);
  });
});

test('a root that the store locks for longer keeps its point, and the catalog is put right', async () => {
  const { harness, old } = await prepare();
  const until = new Date(Math.floor(harness.clock.now().getTime() / 1000) * 1000 + 3 * day);
  await harness.store.extendLock(old.rootName, old.rootVersionId, { mode: 'governance', until });

  expect(await expirePoints(await sweepServices(harness))).toMatchObject({ expired: 0, kept: 1 });

  expect((await rowOf(harness, old.pointId)).expiresAt).toEqual(until);
});

test('what a point has outside of the vault is removed before its root, and a failure of that keeps the root', async () => {
  const { harness, old } = await prepare();
  const removed: PointId[] = [];
  const services = await sweepServices(
    harness,
    new FaultPlan([{ kind: 'fail-before', method: 'removeVersion', call: 1 }]),
  );
  const beforeRemoval = async ({ pointId }: PointRow): Promise<'done'> => {
    removed.push(pointId);
    return Promise.resolve('done');
  };

  const first = await expirePoints({ ...services, beforeRemoval });
  const second = await expirePoints({ ...services, beforeRemoval });

  expect(first).toMatchObject({ expired: 0, failures: { count: 1 } });
  expect(first.failures.messages[0]).toContain(old.pointId);
  expect(second).toMatchObject({ expired: 1, failures: { count: 0 } });
  expect(removed).toEqual([old.pointId, old.pointId]);
});

test('a point stays as long as others need what would have to go with it, and goes when they do not', async () => {
  const { harness, old } = await prepare();
  const services = await sweepServices(harness);

  const first = await expirePoints({ ...services, beforeRemoval: async () => Promise.resolve('in-use') });
  const row = await rowOf(harness, old.pointId);
  const second = await expirePoints({ ...services, beforeRemoval: async () => Promise.resolve('done') });

  expect(first).toMatchObject({ expired: 0, inUse: 1, failures: { count: 0 } });
  expect(row.expiring).toBe(true);
  expect(second).toMatchObject({ expired: 1, inUse: 0 });
});

test('a step that is out of time says so, and the next call goes on', async () => {
  const { harness } = await prepare();
  const services = await sweepServices(harness);

  // Not even time for one: each call does one all the same.
  const first = await sweepPacks(services, { shouldStop: () => true });
  const second = await sweepPacks(services);

  expect(first).toMatchObject({ done: false, swept: 1 });
  expect(second.done).toBe(true);
  expect(second.swept).toBeGreaterThan(0);
  expect(await sweepPacks(services)).toMatchObject({ done: true, swept: 0 });
});

test('a pack that fails stops none of the others', async () => {
  const { harness } = await prepare();
  const due = harness.catalog.packRows().filter(({ lockUntil }) => lockUntil < harness.clock.now()).length;
  const plan = new FaultPlan([{ kind: 'throttle', method: 'removeVersion', call: 1 }]);

  const swept = await sweepPacks(await sweepServices(harness, plan));

  expect(due).toBeGreaterThan(1);
  expect(swept).toMatchObject({ done: true, swept: due - 1, failures: { count: 1 } });
});

test('three sweepers and two expirers at once do what one does', async () => {
  const alone = await prepare();
  await maintain(alone.harness);
  const prepared = await prepare();
  const { harness } = prepared;
  const services = await sweepServices(harness);

  await Promise.all([
    expirePoints(services),
    expirePoints(services),
    sweepPacks(services),
    sweepPacks(services),
    sweepPacks(services),
  ]);

  expect(await remains(harness)).toEqual(await remains(alone.harness));
  await expectKept(prepared);
});
