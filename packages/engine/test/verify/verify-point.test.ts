import { describe, expect, test } from 'vitest';
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
import { Harness, packMapOf } from '../runs/harness.ts';

/** Three packs of four files each, in frames of their own, and a file of several chunks in the last. */
async function withPoint(fileBytes = 300_000): Promise<{ harness: Harness; root: Root; packs: string[] }> {
  const harness = new Harness('verify');
  for (let file = 10; file < 21; file += 1)
    harness.source.plant(`file ${file}`, harness.random.bytes(fileBytes));
  harness.source.plant('file 21', harness.random.bytes(5_000_000));
  const { root } = await harness.backUp('full', { limits: { files: 4, bytes: 2 ** 30 } });
  const byId = new Map(
    (await packMapOf(await harness.open(root.point))).map((entry) => [entry.packId, objectNameOf(entry)]),
  );
  const written = harness.catalog.packRows().filter(({ kind }) => kind === 'chunks');
  return { harness, root, packs: written.map(({ packId }) => byId.get(packId) as string) };
}

/** Puts other bytes in the place of an object, as a broken store does. `undefined` = nothing. */
async function replace(
  harness: Harness,
  name: string,
  change: (bytes: Uint8Array) => Uint8Array | undefined,
): Promise<void> {
  const bytes = new Uint8Array(await harness.store.get(name));
  const now = harness.clock.now();
  harness.clock.set('2100-01-01T00:00:00Z');
  for await (const version of harness.store.listVersions(name))
    await harness.store.removeVersion(name, version.versionId);
  harness.clock.set(now);
  const changed = change(bytes);
  if (changed !== undefined) harness.store.plantVersion(name, changed);
}

function flipAt(position: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const at = position < 0 ? bytes.length + position : position;
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    return bytes;
  };
}

async function verify(harness: Harness, root: Root): Promise<VerifyOutcome> {
  return verifyPoint(await harness.open(root.point));
}

function pathsOf({ damagedFiles, damagedFileCount }: VerifyOutcome): string[] {
  expect(damagedFileCount).toBe(damagedFiles.length);
  return damagedFiles.map(({ path }) => path);
}

test('a point as it was written has no damage, and its numbers are right', async () => {
  const { harness, root } = await withPoint();

  const outcome = await verify(harness, root);

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
    const { harness, root, packs } = await withPoint();
    await replace(harness, packs[0] as string, flipAt(100));

    const outcome = await verify(harness, root);

    expect(pathsOf(outcome)).toEqual(['file 10']);
    expect(outcome.problems).toEqual([]);
  });

  test('of one bit in a frame that small files share hits all of them, and no other', async () => {
    const { harness, root, packs } = await withPoint(2_000);
    await replace(harness, packs[0] as string, flipAt(100));

    const outcome = await verify(harness, root);

    expect(pathsOf(outcome)).toEqual(['file 10', 'file 11', 'file 12', 'file 13']);
    expect(outcome.damagedObjects).toMatchObject([{ objectName: packs[0], count: 1 }]);
  });

  test('at the end of it hits what lies there', async () => {
    const { harness, root, packs } = await withPoint();
    await replace(harness, packs[2] as string, (bytes) => bytes.subarray(0, bytes.length - 100_000));

    expect(pathsOf(await verify(harness, root))).toEqual(['file 21']);
  });

  test('that is missing hits all its files', async () => {
    const { harness, root, packs } = await withPoint();
    await replace(harness, packs[1] as string, () => undefined);

    expect(pathsOf(await verify(harness, root))).toEqual(['file 14', 'file 15', 'file 16', 'file 17']);
  });

  test('that was exchanged for another hits all files of both', async () => {
    const { harness, root, packs } = await withPoint();
    const [first, second] = packs as [string, string];
    const bytes = await harness.store.get(first);
    const other = await harness.store.get(second);
    await replace(harness, first, () => other);
    await replace(harness, second, () => bytes);

    expect(pathsOf(await verify(harness, root))).toHaveLength(8);
  });
});

describe('damage that hits no file of the point', () => {
  test.each([0, 8, 30, 39, -1, -20, -40])('is found all the same (byte %i of a pack)', async (position) => {
    const { harness, root, packs } = await withPoint();
    await replace(harness, packs[0] as string, flipAt(position));

    const outcome = await verify(harness, root);

    expect(pathsOf(outcome)).toEqual([]);
    expect(isDamaged(outcome)).toBe(false);
    expect(outcome.damagedObjects.map(({ objectName }) => objectName)).toEqual([packs[0]]);
  });

  test('is found in a chunk that only an older point needs', async () => {
    const { harness, root, packs } = await withPoint();
    harness.source.plant('file 10', 'changed');
    const second = (await harness.backUp('incremental')).root;
    await replace(harness, packs[0] as string, flipAt(100));

    const outcome = await verify(harness, second);

    expect(pathsOf(await verify(harness, root))).toEqual(['file 10']);
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
  await replace(harness, pageName(pack.packId), flipAt(offset + 20));

  const outcome = await verify(harness, root);

  expect(outcome.lostRanges).toMatchObject([
    { map: 'pack-map', after: toHex(before.lastKey), through: toHex(child.lastKey), entries: lost.length },
  ]);
  expect(users.length).toBeGreaterThan(10);
  expect(users.length).toBeLessThan(150);
  expect(pathsOf(outcome)).toEqual(users);
  expect((await harness.restore(root.point)).outcome.failed.map(({ path }) => path)).toEqual(users);
});

describe('damage to what names the content', () => {
  test('is a problem of the point when it hits a page', async () => {
    const { harness, root } = await withPoint();
    const intact = await verify(harness, root);
    for (const { pack } of root.pagePacks) await replace(harness, pageName(pack), flipAt(60));

    const outcome = await verify(harness, root);

    expect(isDamaged(intact)).toBe(false);
    expect(isDamaged(outcome)).toBe(true);
    expect(outcome.lostRanges[0]?.message).toMatch(/pages\//);
  });

  test.each(['manifest', 'packMap'] as const)(
    'is a problem when the page pack of the %s is missing',
    async (tree) => {
      const { harness, root } = await withPoint();
      const packs = await (await harness.open(root.point))[tree].listPagePacks();
      for (const pack of packs) await replace(harness, pageName(pack), () => undefined);

      const outcome = await verify(harness, root);

      expect(outcome.lostRanges.map(({ message }) => message).join()).toContain([...packs][0] as PackId);
      expect(outcome.damagedFileCount).toBe(tree === 'packMap' ? outcome.files : 0);
    },
  );

  test.each([0, 5, 10, 30, 200, -1])(
    'has the root refused when it hits the root (byte %i)',
    async (position) => {
      const { harness, root } = await withPoint();
      await replace(harness, rootName(resourceKeyOf(harness.arn), root.point), flipAt(position));

      await expect(verify(harness, root)).rejects.toThrow(/is damaged|format version/);
    },
  );

  test("has a root under another point's name refused", async () => {
    const { harness, root } = await withPoint();
    const second = (await harness.backUp('incremental')).root;
    const [first, other] = [root, second].map(({ point }) => rootName(resourceKeyOf(harness.arn), point)) as [
      string,
      string,
    ];
    const bytes = await harness.store.get(first);
    await replace(harness, other, () => bytes);

    await expect(verify(harness, second)).rejects.toThrow(StoredBytesDamagedError);
  });
});

test('a pack whose lock ends before the point does is a problem', async () => {
  const { harness, root } = await withPoint();
  const expiresAt = new Date(Date.parse(root.expiresAt) + 400 * 86_400_000).toISOString();
  const reader = new PointReader(harness.store, await harness.keys(), { ...root, expiresAt });

  const { problems } = await verifyPoint(reader);

  expect(problems).toHaveLength(3 + root.pagePacks.length);
  expect(problems.every((problem) => problem.includes('is locked until'))).toBe(true);
});
