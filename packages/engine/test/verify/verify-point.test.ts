import { beforeAll, describe, expect, test } from 'vitest';
import { StoredBytesDamagedError } from '../../src/errors.ts';
import { toHex } from '../../src/bytes.ts';
import type { PackId } from '../../src/ids.ts';
import { decodeExtent } from '../../src/manifest/extent.ts';
import { decodePage } from '../../src/manifest/page-codec.ts';
import { decodeFileKey } from '../../src/manifest/tuple-key.ts';
import { objectNameOf, pageName, rootName } from '../../src/packs/object-names.ts';
import { pageRefFromText } from '../../src/points/page-ref-text.ts';
import { resourceKeyOf } from '../../src/points/point-id.ts';
import type { Root } from '../../src/points/root.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { isDamaged, verifyPoint, type VerifyOutcome } from '../../src/verify/verify-point.ts';
import { restoreRange } from '../../src/restore/restore-range.ts';
import { MemoryTarget } from '../../src/testing/index.ts';
import { withDamage } from '../damage/damaged-store.ts';
import { Harness, packMapOf } from '../runs/harness.ts';

/** A point, and what becomes of the objects of its vault. */
interface PointUnderDamage {
  readonly harness: Harness;
  readonly root: Root;
  readonly packs: readonly string[];
  readonly damage: Map<string, Uint8Array | undefined>;
}

/** Three packs of four files each, in frames of their own, and a file of several chunks in the last. */
async function withPoint(fileBytes = 300_000): Promise<PointUnderDamage> {
  const harness = new Harness('verify');
  for (let file = 10; file < 21; file += 1)
    harness.source.plant(`file ${file}`, harness.random.bytes(fileBytes));
  harness.source.plant('file 21', harness.random.bytes(5_000_000));
  const { root } = await harness.backUp('full', { limits: { files: 4, bytes: 2 ** 30 } });
  const byId = new Map(
    (await packMapOf(await harness.open(root.point))).map((entry) => [entry.packId, objectNameOf(entry)]),
  );
  const written = harness.catalog.packRows().filter(({ kind }) => kind === 'chunks');
  const packs = written.map(({ packId }) => byId.get(packId) as string);
  return { harness, root, packs, damage: new Map() };
}

let shared: PointUnderDamage;
beforeAll(async () => {
  shared = await withPoint();
});

/** The point that tests share, without damage: they change nothing in its vault. */
function sharedPoint(): PointUnderDamage {
  return { ...shared, damage: new Map() };
}

/** Puts other bytes in the place of an object, as a broken store does. `undefined` = nothing. */
async function replace(
  { harness, damage }: PointUnderDamage,
  name: string,
  change: (bytes: Uint8Array) => Uint8Array | undefined,
): Promise<void> {
  damage.set(name, change(new Uint8Array(await harness.store.get(name))));
}

function flipAt(position: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const at = position < 0 ? bytes.length + position : position;
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    return bytes;
  };
}

async function open({ harness, root, damage }: PointUnderDamage): Promise<PointReader> {
  const store = withDamage(harness.store, damage);
  return PointReader.open(store, await harness.keys(), harness.arn, root.point);
}

async function verify(point: PointUnderDamage): Promise<VerifyOutcome> {
  return verifyPoint(await open(point));
}

function pathsOf({ damagedFiles, damagedFileCount }: VerifyOutcome): string[] {
  expect(damagedFileCount).toBe(damagedFiles.length);
  return damagedFiles.map(({ path }) => path);
}

test('a point as it was written has no damage, and its numbers are right', async () => {
  const outcome = await verify(sharedPoint());

  expect(outcome).toMatchObject({
    files: 12,
    bytes: 8_300_000,
    packs: 3,
    damagedFiles: [],
    damagedFileCount: 0,
    lostRanges: [],
    problems: [],
    damagedObjects: [],
  });
  expect(outcome.chunks).toBeGreaterThan(12);
});

describe('damage to a pack of chunks', () => {
  test('of one bit is found in the file that it hits', async () => {
    const point = sharedPoint();
    const { packs } = point;
    await replace(point, packs[0] as string, flipAt(100));

    const outcome = await verify(point);

    expect(pathsOf(outcome)).toEqual(['file 10']);
    expect(outcome.problems).toEqual([]);
  });

  test('of one bit in a frame that small files share hits all of them, and no other', async () => {
    const point = await withPoint(2_000);
    const { packs } = point;
    await replace(point, packs[0] as string, flipAt(100));

    const outcome = await verify(point);

    expect(pathsOf(outcome)).toEqual(['file 10', 'file 11', 'file 12', 'file 13']);
    expect(outcome.damagedObjects).toMatchObject([{ objectName: packs[0], count: 1 }]);
  });

  test('at the end of it hits what lies there', async () => {
    const point = sharedPoint();
    const { packs } = point;
    await replace(point, packs[2] as string, (bytes) => bytes.subarray(0, bytes.length - 100_000));

    expect(pathsOf(await verify(point))).toEqual(['file 21']);
  });

  test('that is missing hits all its files', async () => {
    const point = sharedPoint();
    const { packs } = point;
    await replace(point, packs[1] as string, () => undefined);

    expect(pathsOf(await verify(point))).toEqual(['file 14', 'file 15', 'file 16', 'file 17']);
  });

  test('that was exchanged for another hits all files of both', async () => {
    const point = sharedPoint();
    const { harness, packs } = point;
    const [first, second] = packs as [string, string];
    const bytes = await harness.store.get(first);
    const other = await harness.store.get(second);
    await replace(point, first, () => other);
    await replace(point, second, () => bytes);

    expect(pathsOf(await verify(point))).toHaveLength(8);
  });
});

describe('damage that hits no file of the point', () => {
  test.each([0, 8, 30, 39, -1, -20, -40])('is found all the same (byte %i of a pack)', async (position) => {
    const point = sharedPoint();
    const { packs } = point;
    await replace(point, packs[0] as string, flipAt(position));

    const outcome = await verify(point);

    expect(pathsOf(outcome)).toEqual([]);
    expect(isDamaged(outcome)).toBe(false);
    expect(outcome.damagedObjects.map(({ objectName }) => objectName)).toEqual([packs[0]]);
  });

  test('is found in a chunk that only an older point needs', async () => {
    const point = await withPoint();
    const { harness, packs } = point;
    harness.source.plant('file 10', 'changed');
    const second = (await harness.backUp('incremental')).root;
    await replace(point, packs[0] as string, flipAt(100));

    const outcome = await verify({ ...point, root: second });

    expect(pathsOf(await verify(point))).toEqual(['file 10']);
    expect(pathsOf(outcome)).toEqual([]);
    expect(outcome.damagedObjects).toMatchObject([{ objectName: packs[0], count: 1 }]);
  });
});

test('a page of the pack map that is lost costs the files in its packs, and no other', async () => {
  const harness = new Harness('many packs');
  for (let file = 0; file < 160; file += 1)
    harness.source.plant(`file ${1_000 + file}`, harness.random.bytes(50));
  const { root } = await harness.backUp('full', { limits: { files: 1, bytes: 2 ** 30 } });
  const intact = await harness.open(root.point);
  const ref = pageRefFromText(root.packMap as string, 'a test');
  const top = decodePage(await intact.pages.read(ref), ref.location.pack, 'a test');
  const child = 'children' in top ? top.children[1] : undefined;
  const before = 'children' in top ? top.children[0] : undefined;
  if (child === undefined || before === undefined) throw new Error('the pack map has one page');
  const { pack, offset } = child.location;
  const lost = (await packMapOf(intact))
    .map(({ packId }) => packId)
    .filter((id) => id > toHex(before.lastKey) && id <= toHex(child.lastKey));
  const users: string[] = [];
  for await (const entry of intact.manifest.range()) {
    const { path, offset: at } = decodeFileKey(entry.key, 'a test');
    const isUser =
      at !== undefined && lost.includes(decodeExtent(entry, 'a test').chunks[0]?.location.packId as PackId);
    if (isUser) users.push(Buffer.from(path).toString());
  }
  const point = { harness, root, packs: [], damage: new Map() };
  await replace(point, pageName(pack.packId), flipAt(offset + 20));

  const outcome = await verify(point);

  expect(outcome.lostRanges).toMatchObject([
    { map: 'pack-map', after: toHex(before.lastKey), through: toHex(child.lastKey), entries: lost.length },
  ]);
  expect(users.length).toBeGreaterThan(10);
  expect(users.length).toBeLessThan(150);
  expect(pathsOf(outcome)).toEqual(users);
  const target = new MemoryTarget();
  const { failed } = await restoreRange(await open(point), { range: {}, target, overwrite: 'never' });
  expect(failed.map(({ path }) => path)).toEqual(users);
});

describe('damage to what names the content', () => {
  test('is a problem of the point when it hits a page', async () => {
    const point = sharedPoint();
    const { root } = point;
    const intact = await verify(point);
    for (const { pack } of root.pagePacks) await replace(point, pageName(pack), flipAt(60));

    const outcome = await verify(point);

    expect(isDamaged(intact)).toBe(false);
    expect(isDamaged(outcome)).toBe(true);
    expect(outcome.lostRanges[0]?.message).toMatch(/pages\//);
  });

  test.each(['manifest', 'packMap'] as const)(
    'is a problem when the page pack of the %s is missing',
    async (tree) => {
      const point = sharedPoint();
      const { harness, root } = point;
      const packs = await (await harness.open(root.point))[tree].listPagePacks();
      for (const pack of packs) await replace(point, pageName(pack), () => undefined);

      const outcome = await verify(point);

      expect(outcome.lostRanges.map(({ message }) => message).join()).toContain([...packs][0] as PackId);
      expect(outcome.damagedFileCount).toBe(tree === 'packMap' ? outcome.files : 0);
    },
  );

  test.each([0, 5, 10, 30, 200, -1])(
    'has the root refused when it hits the root (byte %i)',
    async (position) => {
      const point = sharedPoint();
      const { harness, root } = point;
      await replace(point, rootName(resourceKeyOf(harness.arn), root.point), flipAt(position));

      await expect(verify(point)).rejects.toThrow(/is damaged|format version/);
    },
  );

  test("has a root under another point's name refused", async () => {
    const point = await withPoint();
    const { harness, root } = point;
    const second = (await harness.backUp('incremental')).root;
    const [first, other] = [root, second].map((one) => rootName(resourceKeyOf(harness.arn), one.point)) as [
      string,
      string,
    ];
    const bytes = await harness.store.get(first);
    await replace(point, other, () => bytes);

    await expect(verify({ ...point, root: second })).rejects.toThrow(StoredBytesDamagedError);
  });
});

test('a pack whose lock ends before the point does is a problem', async () => {
  const point = sharedPoint();
  const { harness, root } = point;
  const expiresAt = new Date(Date.parse(root.expiresAt) + 400 * 86_400_000).toISOString();
  const reader = new PointReader(harness.store, await harness.keys(), { ...root, expiresAt });

  const { problems } = await verifyPoint(reader);

  expect(problems).toHaveLength(3 + root.pagePacks.length);
  expect(problems.every((problem) => problem.includes('is locked until'))).toBe(true);
});
