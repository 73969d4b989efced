import { beforeAll, describe, expect, test } from 'vitest';
import { BackupError } from '../../src/errors.ts';
import type { KeyId } from '../../src/ids.ts';
import { loadKey } from '../../src/keys/key-files.ts';
import { parseObjectName } from '../../src/packs/object-names.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import { volumeEntries } from '../../src/manifest/volume-entries.ts';
import { readBlocks } from '../../src/restore/volume-blocks.ts';
import { restoreRange } from '../../src/restore/restore-range.ts';
import { MemoryTarget, SeededRandom } from '../../src/testing/index.ts';
import { isDamaged } from '../../src/verify/verify-point.ts';
import { seedsOf } from '../thoroughness.ts';
import { type Damage, withDamage } from './damaged-store.ts';
import { expectDamage, type Place } from './point-map.ts';
import {
  makeVault,
  namesOf,
  namesUnderKey,
  objectKinds,
  openPoint,
  packIdOf,
  sources,
  verifyAll,
  type ObjectKind,
  type VaultUnderDamage,
  type Verified,
} from './vault-under-damage.ts';

/** Trials of each kind of damage to each kind of object in the gate. */
const trials = 4;

/** One damage, and which bytes of which objects it makes useless. */
interface Planted {
  readonly damage: Damage;
  /** Whether a stretch of a damaged object cannot be used any more. */
  readonly isHit: (name: string, offset: number, length: number) => boolean;
}

type Plant = (
  vault: VaultUnderDamage,
  other: VaultUnderDamage,
  kind: ObjectKind,
  random: SeededRandom,
) => Planted;

const kinds: Readonly<Record<string, Plant>> = {
  'a flipped bit': (vault, _, kind, random) => {
    const name = pick(namesOf(vault, kind), random);
    const bytes = bytesOf(vault, name).slice();
    const at = below(bytes.length, random);
    bytes[at] = (bytes[at] as number) ^ (1 << below(8, random));
    const isHit = (_name: string, offset: number, length: number): boolean =>
      offset <= at && at < offset + length;
    return { damage: new Map([[name, bytes]]), isHit };
  },
  'a truncated object': (vault, _, kind, random) => {
    const name = pick(namesOf(vault, kind), random);
    const bytes = bytesOf(vault, name);
    const length = below(bytes.length, random);
    const isHit = (_name: string, offset: number, stretch: number): boolean => offset + stretch > length;
    return { damage: new Map([[name, bytes.slice(0, length)]]), isHit };
  },
  'a missing object': (vault, _, kind, random) =>
    whole(new Map([[pick(namesOf(vault, kind), random), undefined]])),
  'swapped objects': (vault, _, kind, random) => {
    const [first, second] = pickTwo(vault, kind, random);
    return whole(
      new Map([
        [first, bytesOf(vault, second)],
        [second, bytesOf(vault, first)],
      ]),
    );
  },
  'a replayed older object': (vault, _, kind, random) => {
    const [first, second] = pickTwo(vault, kind, random);
    return whole(new Map([[first, bytesOf(vault, second)]]));
  },
  "another vault's object": (vault, other, kind, random) => {
    const name = pick(namesOf(vault, kind), random);
    return whole(new Map([[name, bytesOf(other, pick(namesOf(other, kind), random))]]));
  },
};

describe.each(sources)('a vault of %s', (source) => {
  let vault: VaultUnderDamage;
  let other: VaultUnderDamage;
  beforeAll(async () => {
    vault = await makeVault('first', source);
    other = await makeVault('second', source);
  });

  test('that nothing has happened to is whole', async () => {
    const verified = await verifyAll(vault, vault.harness.store);

    expect(verified.vaultFiles).toEqual([]);
    if ('error' in verified) throw verified.error;
    expect(verified.history).toEqual({ roots: vault.points.length, problems: [] });
    for (const one of verified.points) {
      const outcome = 'outcome' in one ? one.outcome : undefined;
      expect(outcome).toMatchObject({ damagedFiles: [], lostRanges: [], problems: [], damagedObjects: [] });
    }
  });

  describe.each(objectKinds)('damage to an object of the kind %s', (kind) => {
    test.each(Object.entries(kinds))(
      'by %s is detected, named, and limited to what it hits',
      async (what, plant) => {
        let detected = 0;
        for (const seed of seedsOf(trials)) {
          const random = new SeededRandom(`${kind} ${what} ${seed}`);
          const { damage, isHit } = plant(vault, other, kind, random);
          const where = `${what}, ${kind}, seed ${seed}: ${[...damage.keys()].join(' and ')}`;
          const store = withDamage(vault.harness.store, damage);

          const verified = await verifyAll(vault, store);

          for (const name of damage.keys()) expect(saidBy(verified), where).toContain(name);
          detected += 1;
          if ('error' in verified) {
            expect(verified.vaultFiles, where).not.toEqual([]);
            expect(['key', 'format'], where).toContain(kind);
            continue;
          }
          await expectExactly(vault, verified, damage, await lossesOf(vault, damage, isHit, store), where);
          if (seed % 5 === 0) await expectRestoreAgrees(vault, verified, store, seed, where);
        }
        console.info(`${source}, ${what}, ${kind}: ${detected} of ${seedsOf(trials).length} detected`);
      },
    );
  });
});

/** What cannot be used: what the damage hits itself, and what a key that is lost would have opened. */
async function lossesOf(
  vault: VaultUnderDamage,
  damage: Damage,
  isHit: Planted['isHit'],
  store: ObjectStore,
): Promise<{ readonly roots: ReadonlySet<string>; readonly isHit: (place: Place) => boolean }> {
  const lost = new Set<string>();
  for (const name of damage.keys()) {
    const parsed = parseObjectName(name);
    if (parsed?.kind !== 'key' || (await canLoad(vault, store, parsed.keyId))) continue;
    for (const one of namesUnderKey(vault, parsed.keyId)) lost.add(one);
  }
  const nameOfPack = new Map([...vault.objects.keys()].map((name) => [packIdOf(name), name]));
  return {
    roots: new Set(vault.points.map(({ name }) => name).filter((name) => lost.has(name) || damage.has(name))),
    isHit({ packId, offset, length }) {
      const name = nameOfPack.get(packId) ?? '';
      return lost.has(name) || (damage.has(name) && isHit(name, offset, length));
    },
  };
}

async function canLoad(vault: VaultUnderDamage, store: ObjectStore, keyId: KeyId): Promise<boolean> {
  const { vaultId } = await vault.harness.keys();
  const context = { vaultId, keyId, purpose: 'data' } as const;
  return loadKey(store, vault.harness.keyring, context).then(
    () => true,
    () => false,
  );
}

/** Verification says of each point exactly what follows from where its bytes lay before. */
async function expectExactly(
  vault: VaultUnderDamage,
  verified: Exclude<Verified, { readonly error: Error }>,
  damage: Damage,
  losses: Awaited<ReturnType<typeof lossesOf>>,
  where: string,
): Promise<void> {
  for (const [at, { name, map }] of vault.points.entries()) {
    const one = verified.points[at];
    if (one === undefined || !('outcome' in one)) {
      expect(one, where).toHaveProperty('rootLoss');
      expect(losses.roots.has(name), `${where}: root ${name}`).toBe(true);
      continue;
    }
    expect(losses.roots.has(name), `${where}: root ${name}`).toBe(false);
    const { outcome } = one;
    const expected = expectDamage(map, losses.isHit);
    expect(
      outcome.damagedFiles.map(({ path }) => path),
      where,
    ).toEqual(expected.damagedFiles);
    expect(
      outcome.lostRanges.map(({ map: of, after, through, entries }) => ({
        map: of,
        after,
        through,
        entries,
      })),
      where,
    ).toEqual(expected.lostRanges);
    expect(outcome.problems, where).toEqual([]);
    const isHurt = expected.damagedFiles.length + expected.lostRanges.length > 0;
    expect(isDamaged(outcome), where).toBe(isHurt);
    for (const { objectName } of outcome.damagedObjects) {
      const isKnown =
        damage.has(objectName) || [...damage.keys()].some((changed) => changed.startsWith('keys/'));
      expect(isKnown, `${where}: ${objectName}`).toBe(true);
    }
  }
}

/** A restore of a point fails for the files that verification names, and for no other. */
async function expectRestoreAgrees(
  vault: VaultUnderDamage,
  verified: Exclude<Verified, { readonly error: Error }>,
  store: ObjectStore,
  seed: number,
  where: string,
): Promise<void> {
  const at = seed % vault.points.length;
  const one = verified.points[at];
  if (one === undefined || !('outcome' in one)) return;
  const { damagedFiles, lostRanges } = one.outcome;
  if (lostRanges.some(({ map }) => map === 'manifest')) return;
  const reader = await openPoint(vault, store, (vault.points[at] as (typeof vault.points)[number]).root);
  if (reader.root.image !== undefined) {
    const lost = damagedFiles.map(({ path }) => path);
    for await (const volume of volumeEntries(reader.manifest)) {
      const reading = Array.fromAsync(readBlocks(reader, volume));
      if (lost.includes(volume.volume)) await expect(reading, where).rejects.toThrow(BackupError);
      else await reading;
    }
    return;
  }
  const restoring = restoreRange(reader, { range: {}, target: new MemoryTarget(), overwrite: 'never' });
  // A key that cannot be unwrapped here ends a restore: a permission may be missing, and the files are whole.
  if (damagedFiles.some(({ name }) => name === 'KeyUnavailableError')) {
    await expect(restoring, where).rejects.toThrow(damagedFiles[0]?.message ?? '');
    return;
  }
  const { failed } = await restoring;
  expect(failed.map(({ path }) => path).sort(), where).toEqual(damagedFiles.map(({ path }) => path).sort());
}

/** Everything that verification says, with keys by the names of their objects. */
function saidBy(verified: Verified): string {
  const error = 'error' in verified ? verified.error.message : '';
  return `${error} ${JSON.stringify(verified)}`.replaceAll(/\bkey ([0-9a-f]{32})/g, 'keys/$1.json');
}

function whole(damage: Damage): Planted {
  return { damage, isHit: () => true };
}

/** An object of a kind and another one, of the same kind if the vault has two. */
function pickTwo(of: VaultUnderDamage, kind: ObjectKind, random: SeededRandom): [string, string] {
  const names = namesOf(of, kind);
  const first = pick(names, random);
  const others = (names.length > 1 ? names : namesOf(of, kind === 'format' ? 'key' : 'chunks')).filter(
    (name) => name !== first,
  );
  return [first, pick(others, random)];
}

function pick(names: readonly string[], random: SeededRandom): string {
  return names[below(names.length, random)] as string;
}

function bytesOf({ objects }: VaultUnderDamage, name: string): Uint8Array {
  return objects.get(name) as Uint8Array;
}

function below(limit: number, random: SeededRandom): number {
  return Buffer.from(random.bytes(4)).readUInt32BE(0) % limit;
}
