import { expect, test } from 'vitest';
import type { PointId } from '../../src/ids.ts';
import { rootName } from '../../src/packs/object-names.ts';
import { resourceKeyOf } from '../../src/points/point-id.ts';
import type { Root } from '../../src/points/root.ts';
import { encodeRoot } from '../../src/points/root-store.ts';
import { verifyHistory, type HistoryOutcome } from '../../src/verify/verify-history.ts';
import { withDamage, type Damage } from '../damage/damaged-store.ts';
import { day, Harness } from '../runs/harness.ts';

async function withPoints(count: number): Promise<{ harness: Harness; roots: Root[] }> {
  const harness = new Harness('history');
  harness.source.plant('file', 'content');
  const roots: Root[] = [];
  for (let point = 0; point < count; point += 1) {
    roots.push((await harness.backUp(point === 0 ? 'full' : 'incremental')).root);
    harness.clock.advance(day);
  }
  return { harness, roots };
}

function nameOf({ resource, point }: Root): string {
  return rootName(resourceKeyOf(resource), point);
}

/** With the catalog, unless a test leaves it out. */
async function verify(
  harness: Harness,
  { damage = new Map(), catalog = true }: { damage?: Damage; catalog?: boolean } = {},
): Promise<HistoryOutcome> {
  const services = { store: withDamage(harness.store, damage), keys: await harness.keys() };
  return verifyHistory({ ...services, ...(catalog && { catalog: harness.catalog }) }, harness.arn);
}

test('roots that name each other in order are a whole history', async () => {
  const { harness } = await withPoints(4);

  expect(await verify(harness)).toEqual({ roots: 4, problems: [] });
});

test('a root that is gone before its time shows in the root after it, without a catalog', async () => {
  const { harness, roots } = await withPoints(3);
  const [, second, third] = roots as [Root, Root, Root];

  const { problems } = await verify(harness, {
    damage: new Map([[nameOf(second), undefined]]),
    catalog: false,
  });

  expect(problems).toMatchObject([{ pointId: third.point, name: 'StoredBytesDamagedError' }]);
  expect(problems[0]?.message).toContain(`${nameOf(second)} is damaged: it is gone before its time`);
});

test('the newest root that is gone shows in the catalog', async () => {
  const { harness, roots } = await withPoints(3);
  const third = roots[2] as Root;
  const damage = new Map([[nameOf(third), undefined]]);

  expect((await verify(harness, { damage })).problems).toMatchObject([{ pointId: third.point }]);
  expect((await verify(harness, { damage, catalog: false })).problems).toEqual([]);
});

test('a root that has expired may be gone', async () => {
  const { harness, roots } = await withPoints(3);
  harness.clock.set(new Date(Date.parse((roots[0] as Root).expiresAt) + 1_000));

  expect(
    (await verify(harness, { damage: new Map([[nameOf(roots[0] as Root), undefined]]) })).problems,
  ).toEqual([]);
});

test('a root that was written anew by somebody with the keys shows by its hash', async () => {
  const { harness, roots } = await withPoints(3);
  const [, second, third] = roots as [Root, Root, Root];
  const forged = await encodeRoot({ ...second, warnings: 7 }, await harness.keys(), harness.random);

  const { problems } = await verify(harness, { damage: new Map([[nameOf(second), forged]]) });

  expect(problems).toMatchObject([{ pointId: third.point }]);
  expect(problems[0]?.message).toContain(`${nameOf(second)} is damaged: it is not the root that`);
});

test('an old root that is put over the newest is named, and the newest still counts', async () => {
  const { harness, roots } = await withPoints(2);
  const [first, second] = roots as [Root, Root];
  harness.store.plantVersion(nameOf(second), await harness.store.get(nameOf(first)));

  const { roots: count, problems } = await verify(harness);

  expect(count).toBe(2);
  expect(problems).toMatchObject([{ pointId: second.point }]);
  expect(problems[0]?.message).toMatch(/version \S+ was written over version \S+/);
});

test('an old root under a name of its own is refused and named', async () => {
  const { harness, roots } = await withPoints(2);
  const copy = '20991231T000000Z-0123456789abcdef' as PointId;
  harness.store.plantVersion(
    rootName(resourceKeyOf(harness.arn), copy),
    await harness.store.get(nameOf(roots[0] as Root)),
  );
  harness.store.plantVersion(`points/${resourceKeyOf(harness.arn)}/notes.txt`, new Uint8Array(3));

  const { problems } = await verify(harness);

  expect(problems).toHaveLength(2);
  expect(problems).toContainEqual(expect.objectContaining({ pointId: copy }));
  expect(JSON.stringify(problems)).toContain('notes.txt');
});

test('a root that cannot be read is named once', async () => {
  const { harness, roots } = await withPoints(3);
  const damage = new Map([[nameOf(roots[1] as Root), new Uint8Array(100)]]);

  const { roots: count, problems } = await verify(harness, { damage });

  expect(count).toBe(2);
  expect(problems).toMatchObject([{ pointId: roots[1]?.point }]);
});

test('a root that expires while its history is read is no problem', async () => {
  const { harness, roots } = await withPoints(3);
  const [first] = roots as [Root];
  harness.clock.set(new Date(Date.parse(first.expiresAt) + 1_000));
  const store = withDamage(harness.store, new Map([[nameOf(first), undefined]]));
  const listing = new Proxy(store, {
    get: (target, property) =>
      property === 'listVersions'
        ? harness.store.listVersions.bind(harness.store)
        : (Reflect.get(target, property) as unknown),
  });

  const keys = await harness.keys();

  expect(await verifyHistory({ store: listing, keys, catalog: harness.catalog }, harness.arn)).toEqual({
    roots: 2,
    problems: [],
  });
});
