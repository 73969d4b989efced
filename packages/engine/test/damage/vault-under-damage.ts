import { toHex } from '../../src/bytes.ts';
import type { KeyId, PackId } from '../../src/ids.ts';
import { openVault } from '../../src/keys/open-vault.ts';
import { rotateDataKey } from '../../src/testing/index.ts';
import { parseObjectName } from '../../src/packs/object-names.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { Root } from '../../src/points/root.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { verifyHistory } from '../../src/verify/verify-history.ts';
import { type PointToVerify, type PointVerification, verifyPoints } from '../../src/verify/verify-points.ts';
import { verifyVaultFiles } from '../../src/verify/verify-vault-files.ts';
import { blockBytes, ImageHarness } from '../images/image-harness.ts';
import { Harness, minute } from '../runs/harness.ts';
import { mapPoint, type PointMap } from './point-map.ts';

/** Kinds of objects of a vault. */
export const objectKinds = ['chunks', 'pages', 'container', 'root', 'key', 'format'] as const;
export type ObjectKind = (typeof objectKinds)[number];

const limits = { files: 35, bytes: 2 ** 30 };

/** A vault with several points of one resource, two data keys, and what each point consists of. */
export interface VaultUnderDamage {
  readonly harness: Harness;
  readonly points: readonly { readonly root: Root; readonly map: PointMap; readonly name: string }[];
  /** Every object by name, with its only version's bytes. */
  readonly objects: ReadonlyMap<string, Uint8Array>;
}

/** Everything that verification says of a vault, or why it cannot be opened. */
export type Verified = { readonly vaultFiles: Awaited<ReturnType<typeof verifyVaultFiles>> } & (
  | { readonly error: Error }
  | {
      readonly history: Awaited<ReturnType<typeof verifyHistory>>;
      readonly points: readonly PointVerification<PointToVerify>[];
    }
);

/** Sources of the points. */
export const sources = ['files', 'volumes'] as const;

export async function makeVault(
  seed: string | number,
  source: (typeof sources)[number],
): Promise<VaultUnderDamage> {
  const { harness, roots } = await (source === 'files' ? withFiles(seed) : withVolumes(seed));
  const points = await Promise.all(
    roots.map(async (root) => ({
      root,
      map: await mapPoint(await harness.open(root.point)),
      name: await rootNameOf(harness, root),
    })),
  );
  return { harness, points, objects: await readAll(harness.store) };
}

interface Made {
  readonly harness: Harness;
  readonly roots: readonly Root[];
}

/** Full, incremental, a new data key, synthetic full, incremental on the container. */
async function withFiles(seed: string | number): Promise<Made> {
  const harness = new Harness(`damage ${seed}`);
  const { source, random, clock, services } = harness;
  const plant = (path: string, bytes: number): void => void source.plant(path, random.bytes(bytes));
  for (let file = 100; file < 190; file += 1) plant(`dir/file ${file}`, 20 + file);
  plant('large', 1_200_000);
  source.plant('same 1', 'the same in two files');
  source.plant('same 2', 'the same in two files');
  source.plant('empty', '');
  const roots = [(await harness.backUp('full', { limits })).root];
  clock.advance(minute);
  for (let file = 100; file < 190; file += 9) plant(`dir/file ${file}`, 300);
  roots.push((await harness.backUp('incremental', { limits })).root);
  clock.advance(minute);
  await rotateDataKey(await harness.keys(), { ...services, lock: lockOf(harness) });
  roots.push((await harness.backUp('synthetic-full')).root);
  clock.advance(minute);
  plant('dir/file 150', 400);
  plant('new', 500);
  source.remove('dir/file 160');
  roots.push((await harness.backUp('incremental', { limits })).root);
  return { harness, roots };
}

/** The same of two volumes, the second of which has blocks in few places. */
async function withVolumes(seed: string | number): Promise<Made> {
  const harness = new ImageHarness(`damage ${seed}`);
  const { disks, random, clock, services } = harness;
  const [boot, data] = [harness.addVolume(6_400), harness.addVolume(2_000)];
  const write = (volume: string, index: number): void => disks.write(volume, index, random.bytes(blockBytes));
  for (let index = 0; index < 6_400; index += 31) write(boot, index);
  for (const index of [0, 700, 701, 1_999]) write(data, index);
  const shards = { limits: { blocks: 50, extents: 65_536 } };
  const roots = [(await harness.backUpImage('full', shards)).root];
  for (let index = 3; index < 6_400; index += 500) write(boot, index);
  roots.push((await harness.backUpImage('incremental', shards)).root);
  clock.advance(minute);
  await rotateDataKey(await harness.keys(), { ...services, lock: lockOf(harness) });
  roots.push((await harness.backUpImage('synthetic-full')).root);
  write(boot, 5_000);
  disks.trim(data, 700);
  roots.push((await harness.backUpImage('incremental', shards)).root);
  return { harness, roots };
}

/** Verifies everything that there is, from nothing but a store: as `holdfast verify --all` does. */
export async function verifyAll(
  { harness, points }: VaultUnderDamage,
  store: ObjectStore,
): Promise<Verified> {
  const { keyring, catalog, arn } = harness;
  const vaultFiles = await verifyVaultFiles({ store, keyring });
  try {
    const keys = await openVault({ store, keyring });
    const history = await verifyHistory({ store, keys, catalog }, arn);
    const wanted = points.map(({ root }) => ({ resourceArn: arn, pointId: root.point }));
    return { vaultFiles, history, points: await Array.fromAsync(verifyPoints({ store, keys }, wanted)) };
  } catch (error) {
    if (error instanceof Error) return { vaultFiles, error };
    throw error;
  }
}

/** Names of the objects of a kind that some point needs. */
export function namesOf({ objects, points }: VaultUnderDamage, kind: ObjectKind): string[] {
  const needed = new Set<PackId | undefined>();
  for (const { root, map } of points) {
    for (const { pack } of root.pagePacks) needed.add(pack);
    for (const { what } of map.packMap) needed.add(what);
  }
  return [...objects.keys()].filter((name) => {
    const packId = packIdOf(name);
    return parseObjectName(name)?.kind === kind && (packId === undefined || needed.has(packId));
  });
}

/** Names of objects that a data key opens. */
export function namesUnderKey({ objects }: VaultUnderDamage, keyId: KeyId): Set<string> {
  const names = [...objects].filter(([name, bytes]) => {
    const kind = parseObjectName(name)?.kind;
    return kind !== 'format' && kind !== 'key' && toHex(bytes.subarray(8, 24)) === keyId;
  });
  return new Set(names.map(([name]) => name));
}

/** The pack that an object's name names. */
export function packIdOf(name: string): PackId | undefined {
  const parsed = parseObjectName(name);
  return parsed !== undefined && 'packId' in parsed ? parsed.packId : undefined;
}

/** Opens a point of a damaged vault. */
export async function openPoint(
  { harness }: VaultUnderDamage,
  store: ObjectStore,
  root: Root,
): Promise<PointReader> {
  const keys = await openVault({ store, keyring: harness.keyring });
  return PointReader.open(store, keys, harness.arn, root.point);
}

function lockOf({ clock }: Harness): { mode: 'governance'; until: Date } {
  return { mode: 'governance', until: new Date(clock.now().getTime() + 100 * 86_400_000) };
}

async function rootNameOf({ catalog }: Harness, root: Root): Promise<string> {
  return (await catalog.points.find(root.point))?.rootName ?? '';
}

async function readAll(store: ObjectStore): Promise<ReadonlyMap<string, Uint8Array>> {
  const objects = new Map<string, Uint8Array>();
  for await (const { name } of store.listVersions('')) objects.set(name, await store.get(name));
  return objects;
}
