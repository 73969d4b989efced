import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Root } from '@holdfast/engine';
import { SeededRandom } from '@holdfast/engine/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { listFormatFixtures, withKeyFile } from './format-fixture.ts';
import { digestOf, type ListedFile, quotePath } from './listed-file.ts';
import { ProductVault } from './product-vault.ts';
import { readWithSecondReader } from './second-reader.ts';
import { listTree, SourceTree, type TreeEntry } from './source-tree.ts';

describe('a vault of a directory, read by a program that shares no code with the product', () => {
  const source = new SourceTree();
  const made: { readonly root: Root; readonly tree: readonly TreeEntry[] }[] = [];
  let vault: ProductVault;
  let copy: string;

  beforeAll(async () => {
    source.plant();
    vault = await ProductVault.create(source.root);
    const backUp = async (type: Root['type']): Promise<void> => {
      const tree = source.list();
      made.push({ root: await vault.backUp(type), tree });
    };
    await backUp('full');
    source.write('one-byte', 'two');
    source.write('new/file', 'new');
    source.delete('many/3');
    await backUp('incremental');
    source.delete('empty');
    source.write('empty/became-a-directory', 'content');
    source.delete('new');
    await backUp('differential');
    await backUp('synthetic-full');
    source.write('after', 'the container');
    await backUp('incremental');
    copy = vault.copy('copy');
  });

  afterAll(() => {
    vault.remove();
    source.remove();
  });

  test('has in every point every file that the directory had', async () => {
    const readings = await readWithSecondReader({ vault: copy, keyFile: vault.keyFile });

    expect(readings).toHaveLength(made.length);
    for (const { root, tree } of made) {
      const reading = readings.find(({ point }) => point === root.point);
      expect(reading).toMatchObject({ resource: root.resource, type: root.type, warnings: root.warnings });
      expectSameTree((reading?.entries ?? []).map(treeEntryOf), tree);
    }
  });

  test.each([
    ['the key file', () => vault.keyFile],
    ['the offline key', () => ({ offlineKey: vault.offlineKey })],
  ])('is in its container as a whole: that one file and %s are enough', async (_what, keyOf) => {
    const { root, tree } = getMade(made, 'synthetic-full');
    const pack = root.container?.pack ?? '';
    const containerFile = join(mkdtempSync(join(vault.folder, 'alone-')), 'container');
    cpSync(join(copy, `containers/${pack}`), containerFile);

    const [reading] = await readWithSecondReader({ vault: { containerFile }, keyFile: keyOf() });

    expect(reading).toMatchObject({
      resource: root.resource,
      type: 'synthetic-full',
      packs: 1,
      pagePacks: 1,
    });
    expectSameTree((reading?.entries ?? []).map(treeEntryOf), tree);
  });

  test('is read with the offline key as well, although that was named after the keys were made', async () => {
    const [reading] = await readWithSecondReader({
      vault: copy,
      keyFile: { offlineKey: vault.offlineKey },
      point: made[1]?.root.point ?? '',
    });

    expectSameTree((reading?.entries ?? []).map(treeEntryOf), made[1]?.tree ?? []);
  });

  test('comes back as a directory, with modes, times and links', async () => {
    const { root, tree } = getMade(made, 'differential');
    const restored = join(vault.folder, 'restored');

    await readWithSecondReader({ vault: copy, keyFile: vault.keyFile, point: root.point, restore: restored });

    expectSameTree(listTree(restored), tree);
  });

  test('misses a root that cannot have expired yet', async () => {
    const [first] = made.map(({ root }) => root);
    const without = vault.copy('without-a-root');
    for (const name of readdirSync(join(without, 'points')))
      rmSync(join(without, 'points', name, first?.point ?? ''));

    const reading = readWithSecondReader({ vault: without, keyFile: vault.keyFile });

    await expect(reading).rejects.toThrow(`${first?.point} is not in the copy, and is kept until`);
  });
});

test('a file of more than 1 GiB is read across the stretches that it is cut into', async () => {
  const source = new SourceTree();
  const bytes = 2 ** 30 + 5 * 2 ** 20;
  // Not a multiple of the largest chunk, so that a chunk would lie across the boundary if it could.
  source.writeSparse('sparse', bytes, new SeededRandom('sparse').bytes(3 * 2 ** 20));
  const vault = await ProductVault.create(source.root);
  try {
    await vault.backUp('full');

    const [reading] = await readWithSecondReader({ vault: vault.copy('copy'), keyFile: vault.keyFile });

    expectSameTree((reading?.entries ?? []).map(treeEntryOf), source.list());
    expect(reading?.entries).toMatchObject([{ path: 'sparse', size: bytes }]);
  } finally {
    vault.remove();
    source.remove();
  }
});

test.each(listFormatFixtures())('the second reader reads the committed vault $name', async (fixture) => {
  const { vault, points } = fixture;
  const readings = await withKeyFile(fixture.keyHex, async (keyFile) =>
    readWithSecondReader({ vault, keyFile }),
  );

  expect(readings.map(({ point }) => point)).toEqual(points.map(({ point }) => point));
  for (const [index, expected] of points.entries()) {
    const reading = readings[index];
    const { entries = [] } = reading ?? {};
    const { resource, type, warnings, image } = expected;
    expect(reading).toMatchObject({ resource, type, warnings, ...(image && { image }) });
    if (expected.listing !== undefined) expect(entries).toEqual(expected.listing);
    expect(digestOf(entries)).toBe(expected.listingSha256);
  }
});

test.each(listFormatFixtures().filter(({ offlineKey }) => offlineKey !== undefined))(
  'the second reader opens the committed vault $name with its offline key',
  async ({ vault, offlineKey = '', points }) => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-offline-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'offline.pem');
    writeFileSync(path, offlineKey);

    const readings = await readWithSecondReader({ vault, keyFile: { offlineKey: path } });

    expect(readings.map(({ entries }) => digestOf(entries))).toEqual(
      points.map(({ listingSha256 }) => listingSha256),
    );
  },
);

function getMade<Made extends { readonly root: Root }>(made: readonly Made[], type: Root['type']): Made {
  const found = made.find(({ root }) => root.type === type);
  if (found === undefined) throw new Error(`there is no ${type}`);
  return found;
}

/** An entry of a listing as the file system would have it. */
function treeEntryOf({ attributes = {}, ...file }: ListedFile): TreeEntry {
  const { path, kind, size, sha256, modified } = file;
  if (kind === 'object') throw new Error(`${path} is no file`);
  const hex = attributes['link-target-hex'];
  const target = hex === undefined ? attributes['link-target'] : Buffer.from(hex, 'hex');
  return {
    path,
    kind,
    size,
    sha256,
    mode: attributes['mode'] ?? '',
    modified,
    ...(target !== undefined && { target: quotePath(Buffer.from(target)) }),
  };
}

/** Compares trees; times to a microsecond, as a float of milliseconds has them no better. */
function expectSameTree(actual: readonly TreeEntry[], expected: readonly TreeEntry[]): void {
  expect(actual.map(withoutTime)).toEqual(expected.map(withoutTime));
  const late = expected.filter(
    ({ modified }, index) => !(Math.abs(modified - (actual[index]?.modified ?? NaN)) < 0.001),
  );
  expect(late).toEqual([]);
}

function withoutTime(entry: TreeEntry): TreeEntry {
  return { ...entry, modified: 0 };
}
