import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  isDegraded,
  OfflineKeyring,
  openContainer,
  openVault,
  PointReader,
  readRoot,
  verifyPoint,
  type VaultKeys,
} from '@holdfast/engine';
import { FileContainer, FileKeyring, FilesystemObjectStore, systemClock, systemRandom } from '@holdfast/node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listFormatFixtures, withKeyFile, type FormatFixture } from './format-fixture.ts';
import { digestOf, listPoint } from './listed-file.ts';

const fixtures = listFormatFixtures();

test('there are vaults of version 1 of the format, of every kind that a reader has to know', async () => {
  const points = fixtures
    .filter(({ name }) => name.startsWith('v1/'))
    .flatMap((fixture) => fixture.points.map((point) => ({ ...point, fixture: fixture.name })));

  expect(new Set(points.map(({ type }) => type))).toEqual(
    new Set(['full', 'incremental', 'differential', 'synthetic-full']),
  );
  expect(points.some(({ files, image }) => files === 0 && image === undefined)).toBe(true);
  expect(points.some(({ warnings }) => warnings > 0)).toBe(true);
  expect(points.some(({ image }) => image !== undefined)).toBe(true);
  expect(Math.max(...(await levelsOf('v1/deep-tree')))).toBeGreaterThanOrEqual(2);
  expect(keyFilesOf('v1/rotated-key')).toBe(3);
  expect(keyFilesOf('v1/directory')).toBe(2);
  expect(keyFilesOf('v1/offline-recipient')).toBe(5);
});

/** Which points of a vault are degraded, the oldest first. */
async function degradedIn(name: string): Promise<readonly boolean[]> {
  const fixture = fixtures.find((one) => one.name === name) as FormatFixture;
  const { store, keys } = await open(fixture, fixture.vault);
  const roots = fixture.points.map(async ({ resource, point }) => readRoot(store, keys, resource, point));
  return (await Promise.all(roots)).map(({ root }) => isDegraded(root));
}

test('points are as degraded by their warnings, where their roots are from before that was recorded, as by what they record', async () => {
  expect(await degradedIn('v1/degraded')).toEqual([true, true, false]);
  expect(await degradedIn('v1/bucket')).toEqual([true, true, false]);
});

describe.each(fixtures)('the vault $name', (fixture) => {
  test('gives back every point as its source was', async () => {
    const { store, keys } = await open(fixture, fixture.vault);

    for (const expected of fixture.points) {
      const reader = await PointReader.open(store, keys, expected.resource, expected.point);
      const { root } = reader;
      const listing = root.image === undefined ? await listPoint(reader) : [];
      expect(root).toMatchObject({
        type: expected.type,
        resourceKind: expected.resourceKind,
        warnings: expected.warnings,
      });
      expect(root.unread).toEqual(expected.unread);
      expect(root.image).toEqual(expected.image);
      if (expected.listing !== undefined) expect(listing).toEqual(expected.listing);
      expect(listing).toHaveLength(expected.files);
      expect(digestOf(listing)).toBe(expected.listingSha256);
    }
  });

  test('has no other points, and verifies', async () => {
    const { store, keys } = await open(fixture, fixture.vault);
    const names = (await Array.fromAsync(store.listVersions('points/'))).map(({ name }) =>
      name.split('/').at(-1),
    );

    expect(new Set(names)).toEqual(new Set(fixture.points.map(({ point }) => point)));
    expect(names).toHaveLength(fixture.points.length);
    for (const { resource, point, files, image } of fixture.points) {
      const { root } = await readRoot(store, keys, resource, point);
      if (image !== undefined) continue;
      const outcome = await verifyPoint(new PointReader(store, keys, root));
      expect(outcome).toMatchObject({ files, damagedFileCount: 0, problems: [] });
    }
  });
});

test.each(fixtures.filter(({ offlineKey }) => offlineKey !== undefined))(
  'the vault $name is opened with its offline key, as a whole and by a container alone',
  async ({ offlineKey = '', vault, points }) => {
    const keyring = OfflineKeyring.open(offlineKey);
    const store = new FilesystemObjectStore({ root: vault, clock: systemClock, random: systemRandom });
    const keys = await openVault({ store, keyring });
    for (const { resource, point, listingSha256 } of points)
      expect(digestOf(await listPoint(await PointReader.open(store, keys, resource, point)))).toBe(
        listingSha256,
      );

    const [pack = ''] = readdirSync(join(vault, 'containers'));
    const container = await FileContainer.open(join(vault, 'containers', pack));
    onTestFinished(async () => container.close());
    const reader = await openContainer(container, keyring, pack);

    const made = points.find(({ type }) => type === 'synthetic-full');
    expect(digestOf(await listPoint(reader))).toBe(made?.listingSha256);
  },
);

test.each(fixtures)(
  'a bit that flips in a root or a pack of chunks of $name does not go unnoticed',
  async (fixture) => {
    const copy = mkdtempSync(join(tmpdir(), 'holdfast-fixture-'));
    onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
    cpSync(fixture.vault, copy, { recursive: true });
    const names = readdirSync(copy, { recursive: true, encoding: 'utf8' })
      .filter((name) => /^(points|packs)\//.test(name) && statSync(join(copy, name)).isFile())
      .toSorted();

    const opened = await open(fixture, copy);
    const unnoticed: string[] = [];
    for (const name of names) {
      const whole = readFileSync(join(copy, name));
      const damaged = Buffer.from(whole);
      // Behind the header: in the first frame, which some point needs.
      damaged.writeUInt8(damaged.readUInt8(60) ^ 1, 60);
      writeFileSync(join(copy, name), damaged);
      if (await isWhole(fixture, opened)) unnoticed.push(name);
      writeFileSync(join(copy, name), whole);
    }

    expect(names.length).toBeGreaterThan(0);
    expect(unnoticed).toEqual([]);
    expect(await isWhole(fixture, opened), 'the vault without the damage').toBe(true);
  },
);

interface OpenedVault {
  readonly store: FilesystemObjectStore;
  readonly keys: VaultKeys;
}

async function open({ keyHex }: FormatFixture, root: string): Promise<OpenedVault> {
  const store = new FilesystemObjectStore({ root, clock: systemClock, random: systemRandom });
  const keyring = await withKeyFile(keyHex, async (path) => FileKeyring.open(path, systemRandom));
  return { store, keys: await openVault({ store, keyring }) };
}

async function isWhole({ points }: FormatFixture, { store, keys }: OpenedVault): Promise<boolean> {
  try {
    const readers: PointReader[] = [];
    for (const { resource, point } of points) {
      readers.push(await PointReader.open(store, keys, resource, point));
    }
    // The newest first: it needs the most packs.
    for (const reader of readers.toReversed()) {
      if (reader.root.image !== undefined) continue;
      const { damagedFileCount, problems } = await verifyPoint(reader);
      if (damagedFileCount + problems.length > 0) return false;
    }
    return true;
  } catch {
    return false;
  }
}

function keyFilesOf(name: string): number {
  return readdirSync(join(getFixture(name).vault, 'keys')).length;
}

/** Of each point's manifest, the level of its highest page: the second byte of a reference. */
async function levelsOf(name: string): Promise<number[]> {
  const fixture = getFixture(name);
  const { store, keys } = await open(fixture, fixture.vault);
  return Promise.all(
    fixture.points.map(async ({ resource, point }) => {
      const { manifest = '' } = (await readRoot(store, keys, resource, point)).root;
      return Buffer.from(manifest, 'base64').at(1) ?? 0;
    }),
  );
}

function getFixture(name: string): FormatFixture {
  const fixture = fixtures.find((one) => one.name === name);
  if (fixture === undefined) throw new Error(`there is no fixture ${name}`);
  return fixture;
}
