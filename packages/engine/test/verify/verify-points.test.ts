import { expect, test } from 'vitest';
import { AccessDeniedError, ObjectArchivedError } from '../../src/errors.ts';
import type { PointId } from '../../src/ids.ts';
import { decodeExtent } from '../../src/manifest/extent.ts';
import { decodeFileKey } from '../../src/manifest/tuple-key.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { Root } from '../../src/points/root.ts';
import { isDamaged } from '../../src/verify/verify-point.ts';
import { type PointToVerify, type PointVerification, verifyPoints } from '../../src/verify/verify-points.ts';
import { Harness, minute } from '../runs/harness.ts';

async function withPoints(): Promise<{ harness: Harness; roots: Root[] }> {
  const harness = new Harness('points');
  for (let file = 10; file < 30; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(5_000));
  const roots = [(await harness.backUp('full')).root];
  for (const path of ['file 11', 'file 12', 'file 13']) {
    harness.clock.advance(minute);
    harness.source.plant(path, harness.random.bytes(5_000));
    roots.push((await harness.backUp('incremental')).root);
  }
  return { harness, roots };
}

async function verify(
  harness: Harness,
  points: readonly PointId[],
  store: ObjectStore = harness.store,
): Promise<PointVerification<PointToVerify>[]> {
  const wanted = points.map((pointId) => ({ resourceArn: harness.arn, pointId }));
  return Array.fromAsync(verifyPoints({ store, keys: await harness.keys() }, wanted));
}

test('points that share packs are verified for little more than one of them', async () => {
  const { harness, roots } = await withPoints();
  const ids = roots.map(({ point }) => point);
  harness.store.resetCounters();
  await verify(harness, ids.slice(0, 1));
  const bytesOfOne = harness.store.bytesFetched;
  harness.store.resetCounters();

  const verified = await verify(harness, ids);

  // Each later point has 5,000 new bytes, and pages of its own.
  expect(harness.store.bytesFetched).toBeLessThan(bytesOfOne + 3 * 5_000 + 60_000);
  expect(verified.map((one) => 'outcome' in one && !isDamaged(one.outcome) && one.outcome.files)).toEqual([
    20, 20, 20, 20,
  ]);
  expect(verified.map((one) => 'outcome' in one && one.outcome.bytes)).toEqual(Array(4).fill(100_000));
});

test('a point that says something else of a shared frame than the one before it is not whole for that', async () => {
  const harness = new Harness('misread');
  for (const path of ['a', 'b']) harness.source.plant(path, harness.random.bytes(2_000));
  const first = (await harness.backUp('full')).root.point;
  const reader = await harness.open(first);
  const found = await Array.fromAsync(reader.manifest.range());
  const [a] = found
    .filter(({ key }) => decodeFileKey(key, 'a test').offset !== undefined)
    .flatMap((entry) => decodeExtent(entry, 'a test').chunks);
  if (a === undefined) throw new Error('a file has a chunk');
  const location = { ...a.location, contentBytes: a.location.contentBytes + 1 };
  await harness.index.put([{ id: a.id, location }]);
  const second = (await harness.backUp('full')).root.point;

  const verified = await verify(harness, [first, second]);

  expect(verified).toMatchObject([
    { outcome: { damagedFileCount: 0 } },
    { outcome: { damagedFiles: [{ path: 'a', name: 'StoredBytesDamagedError' }] } },
  ]);
});

test('a point whose root is not there does not stop the others', async () => {
  const { harness, roots } = await withPoints();
  const [first, second] = roots as [Root, Root];

  const verified = await verify(harness, [
    first.point,
    '20200101T000000Z-0123456789abcdef' as PointId,
    second.point,
  ]);

  expect(verified).toMatchObject([
    { outcome: { files: 20 } },
    { rootLoss: { name: 'ObjectNotFoundError' } },
    { outcome: { files: 20 } },
  ]);
});

test('a point that has to be thawed first does not stop the others', async () => {
  const { harness, roots } = await withPoints();
  const container = (await harness.backUp('synthetic-full')).root;
  const frozen = new Proxy<ObjectStore>(harness.store, {
    get(target, property) {
      const get: ObjectStore['get'] = async (name, options) => {
        if (name.startsWith('containers/')) throw new ObjectArchivedError(name);
        return target.get(name, options);
      };
      const member: unknown = Reflect.get(target, property, target);
      if (property === 'get') return get;
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });

  const verified = await verify(harness, [container.point, (roots[0] as Root).point], frozen);

  expect(verified).toMatchObject([
    { notVerified: { name: 'ObjectArchivedError' } },
    { outcome: { files: 20, damagedFileCount: 0, damagedObjects: [] } },
  ]);
});

/** A store that refuses to give some objects. */
function refusing(store: ObjectStore, isRefused: (name: string) => boolean): ObjectStore {
  return new Proxy<ObjectStore>(store, {
    get(target, property) {
      const get: ObjectStore['get'] = async (name, options) => {
        if (isRefused(name)) throw new AccessDeniedError(`reading ${name} was refused`);
        return target.get(name, options);
      };
      const member: unknown = Reflect.get(target, property, target);
      if (property === 'get') return get;
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

test('a pack that may not be read is named, and its files are counted; the rest is verified', async () => {
  const { harness, roots } = await withPoints();
  const [first, second] = roots as [Root, Root];
  const [, newer] = harness.catalog.packRows().filter(({ kind }) => kind === 'chunks');

  const verified = await verify(
    harness,
    [first.point, second.point],
    refusing(harness.store, (name) => name.includes(newer?.packId ?? '-')),
  );

  expect(verified).toMatchObject([
    { outcome: { files: 20, refusedFileCount: 0, refusedObjects: [], damagedFileCount: 0 } },
    {
      outcome: {
        files: 20,
        refusedFileCount: 1,
        refusedObjects: [{ packId: newer?.packId, message: expect.stringContaining('was refused') }],
        damagedFileCount: 0,
        bytes: 95_000,
      },
    },
  ]);
});

function pagePacksOf({ pagePacks }: Root): readonly string[] {
  return pagePacks.map(({ pack }) => pack);
}

test('a root or a page that may not be read costs its point, and the others are verified', async () => {
  const { harness, roots } = await withPoints();
  const [first, second, third] = roots as [Root, Root, Root];
  const ofThird = pagePacksOf(third).filter((pack) => !pagePacksOf(second).includes(pack));

  const verified = await verify(
    harness,
    [first.point, third.point, second.point],
    refusing(
      harness.store,
      (name) => name.endsWith(first.point) || ofThird.some((pack) => name.includes(pack)),
    ),
  );

  expect(verified).toMatchObject([
    { notVerified: { name: 'AccessDeniedError' } },
    { notVerified: { name: 'AccessDeniedError' } },
    { outcome: { files: 20, damagedFileCount: 0 } },
  ]);
});

test('packs of which none may be read end the verification', async () => {
  const { harness, roots } = await withPoints();
  const ids = roots.map(({ point }) => point);
  for (let round = 0; round < 8; round += 1) ids.push(...ids.slice(0, 4));

  const verifying = verify(
    harness,
    ids,
    refusing(harness.store, (name) => name.startsWith('packs/')),
  );

  await expect(verifying).rejects.toThrow(AccessDeniedError);
});
