import { describe, expect, test } from 'vitest';
import { KeyUnavailableError } from '../../src/errors.ts';
import type { KeyId, PackId } from '../../src/ids.ts';
import { parseObjectName } from '../../src/packs/object-names.ts';
import type { Root } from '../../src/points/root.ts';
import { VaultKeys } from '../../src/keys/vault-keys.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { isDamaged, verifyPoint, type VerifyOutcome } from '../../src/verify/verify-point.ts';
import { day, Harness, namesIn, packMapOf } from '../runs/harness.ts';

const limits = { files: 4, bytes: 2 ** 30 };

/** Twelve files in three packs, and a point of them that is locked for long. */
async function withPoint(): Promise<{ harness: Harness; root: Root }> {
  const harness = new Harness('repair');
  for (let file = 10; file < 22; file += 1)
    harness.source.plant(`file ${file}`, harness.random.bytes(1_000 + file));
  const { root } = await harness.backUp('full', { limits });
  harness.clock.advance(day);
  return { harness, root };
}

/** Flips a bit of an object where it lies, for good. */
async function decay(harness: Harness, name: string, at: number): Promise<void> {
  const bytes = (await harness.store.get(name)).slice();
  const { versionId } = await harness.store.head(name);
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  const get = harness.store.get.bind(harness.store);
  harness.store.get = async (...[wanted, options = {}]) => {
    if (wanted !== name || (options.versionId ?? versionId) !== versionId) return get(wanted, options);
    const { offset, length } = options.range ?? { offset: 0, length: bytes.length };
    return bytes.slice(offset, offset + length);
  };
}

async function verify(harness: Harness, root: Root): Promise<VerifyOutcome> {
  const reader = await harness.open(root.point);
  return verifyPoint(reader, { catalog: harness.catalog });
}

async function packsOf(harness: Harness, root: Root): Promise<PackId[]> {
  return (await packMapOf(await harness.open(root.point))).map(({ packId }) => packId);
}

async function firstPack(harness: Harness): Promise<{ name: string; packId: PackId }> {
  const [row] = harness.catalog.packRows().filter(({ kind }) => kind === 'chunks');
  const name = (await namesIn(harness.store, 'packs/')).find((one) => one.endsWith(row?.packId ?? '?')) ?? '';
  return { name, packId: row?.packId as PackId };
}

function damagedRows({ catalog }: Harness): PackId[] {
  return catalog.packRows().flatMap(({ packId, damaged }) => (damaged === true ? [packId] : []));
}

describe('a pack that verification has marked', () => {
  test('is absent for the next full, whose point is whole', async () => {
    const { harness, root } = await withPoint();
    const pack = await firstPack(harness);
    await decay(harness, pack.name, 100);

    const { damagedFiles } = await verify(harness, root);
    // They share the frame.
    expect(damagedFiles.map(({ path }) => path)).toEqual(['file 10', 'file 11', 'file 12', 'file 13']);
    const full = (await harness.backUp('full', { limits })).root;

    expect(damagedRows(harness)).toEqual([pack.packId]);
    expect(await packsOf(harness, full)).not.toContain(pack.packId);
    expect(full.counts.newBytes).toBe(1_010 + 1_011 + 1_012 + 1_013);
    expect(await verify(harness, full)).toMatchObject({ damagedFiles: [], damagedObjects: [], problems: [] });
  });

  test.each(['incremental', 'differential'] as const)(
    'has the next %s read its files again, and no other, however long it is locked',
    async (type) => {
      const { harness, root } = await withPoint();
      const pack = await firstPack(harness);
      await decay(harness, pack.name, 100);
      await verify(harness, root);

      const next = (await harness.backUp(type, { limits })).root;

      expect(next.type).toBe(type);
      expect(next.counts.readBytes).toBe(1_010 + 1_011 + 1_012 + 1_013);
      expect(await packsOf(harness, next)).not.toContain(pack.packId);
      expect(await verify(harness, next)).toMatchObject({
        damagedFiles: [],
        damagedObjects: [],
        problems: [],
      });
      expect((await harness.restore(next.point)).outcome.failed).toEqual([]);
    },
  );

  test('is what it takes: damage that nobody has looked for goes from point to point', async () => {
    const { harness } = await withPoint();
    await decay(harness, (await firstPack(harness)).name, 100);

    const next = (await harness.backUp('incremental', { limits })).root;

    expect(next.counts.readBytes).toBe(0);
    expect(isDamaged(await verify(harness, next))).toBe(true);
  });

  test('of pages makes the next incremental a full, whose point is whole', async () => {
    const { harness, root } = await withPoint();
    const [pages = ''] = await namesIn(harness.store, 'pages/');
    await decay(harness, pages, 60);
    await verify(harness, root);

    const next = (await harness.backUp('incremental', { limits })).root;

    expect(damagedRows(harness)).toEqual([packIdOf(pages)]);
    expect(next.type).toBe('full');
    expect(await verify(harness, next)).toMatchObject({
      damagedFiles: [],
      lostRanges: [],
      damagedObjects: [],
    });
  });
});

test('an incremental whose base has lost its pack map is a full, marked or not', async () => {
  const { harness, root } = await withPoint();
  const mapPacks = await (await harness.open(root.point)).packMap.listPagePacks();
  const name = (await namesIn(harness.store, 'pages/')).find((one) => mapPacks.has(packIdOf(one))) ?? '';
  await decay(harness, name, 60);
  // A lock that is short makes the run look into the map.
  harness.clock.advance(30 * day);

  const next = (await harness.backUp('incremental', { limits })).root;

  expect((await harness.catalog.runs.find(next.run))?.typeReason).toContain(`${name} is damaged`);
  expect(next.type).toBe('full');
  expect(isDamaged(await verify(harness, next))).toBe(false);
});

test('verification without a catalog writes nothing', async () => {
  const { harness, root } = await withPoint();
  await decay(harness, (await firstPack(harness)).name, 100);
  const before = harness.catalog.packRows();

  await verifyPoint(await harness.open(root.point));

  expect(harness.catalog.packRows()).toEqual(before);
});

async function refuse(keyId: KeyId): Promise<never> {
  return Promise.reject(new KeyUnavailableError(keyId, []));
}

test('packs whose key cannot be unwrapped here are reported and not marked', async () => {
  const { harness, root } = await withPoint();
  const { vaultId, idKey } = await (await harness.keys()).export();
  // The root is read; then the permission to use the data key is gone.
  const locked = new VaultKeys(vaultId, idKey, { load: refuse, findNewest: async () => refuse('' as KeyId) });
  const without = new PointReader(harness.store, locked, root);

  const outcome = await verifyPoint(without, { catalog: harness.catalog });

  expect(outcome.lostRanges).toMatchObject([
    { map: 'manifest', name: 'KeyUnavailableError' },
    { map: 'pack-map', name: 'KeyUnavailableError' },
  ]);
  expect(damagedRows(harness)).toEqual([]);
});

function packIdOf(name: string): PackId {
  const parsed = parseObjectName(name);
  return (parsed !== undefined && 'packId' in parsed ? parsed.packId : '') as PackId;
}
