import { beforeAll, describe, expect, test } from 'vitest';
import { BackupError } from '../../src/errors.ts';
import type { KeyId, PackId, PointId } from '../../src/ids.ts';
import { openVault } from '../../src/keys/open-vault.ts';
import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import type { ChunkReference } from '../../src/packs/chunk-location.ts';
import { cutChunk } from '../../src/packs/cut-chunk.ts';
import { checkPack } from '../../src/packs/check-pack.ts';
import { parseObjectName } from '../../src/packs/object-names.ts';
import { listChunks } from '../../src/packs/pack-directory.ts';
import { PackReader } from '../../src/packs/pack-reader.ts';
import { footerBytes, writeFooter, type PackKind } from '../../src/packs/pack-layout.ts';
import { SegmentReader } from '../../src/packs/segment-reader.ts';
import type { StoredObject } from '../../src/packs/stored-object.ts';
import { decodeRoot } from '../../src/points/root-store.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import { FakeClock, MemoryObjectStore } from '../../src/testing/index.ts';
import { verifyVaultFiles } from '../../src/verify/verify-vault-files.ts';
import { withDamage } from '../damage/damaged-store.ts';
import { makeVault, namesOf, type ObjectKind, type VaultUnderDamage } from '../damage/vault-under-damage.ts';
import { fuzz } from './fuzzing.ts';

let vault: VaultUnderDamage;
let keys: VaultKeys;
beforeAll(async () => {
  vault = await makeVault('fuzz', 'files');
  keys = await vault.harness.keys();
});

function corpusOf(kind: ObjectKind): { names: string[]; corpus: Uint8Array[] } {
  const names = namesOf(vault, kind).filter((name) => sizeOf(name) < 200_000);
  return { names, corpus: names.map((name) => vault.objects.get(name) as Uint8Array) };
}

function sizeOf(name: string): number {
  return vault.objects.get(name)?.length ?? 0;
}

/** The largest directory or root, and what is read with it. Nobody asks for more, whatever an offset or length says. */
const longestRequestBytes = 64 * 2 ** 20 + 128 * 1024;

/** The vault with one object changed; refuses requests that no reader has a reason for. */
function storeWith(name: string, bytes: Uint8Array): ObjectStore {
  const store = withDamage(vault.harness.store, new Map([[name, bytes]]));
  const get: ObjectStore['get'] = async (wanted, options) => {
    expect(options?.range?.length ?? 0, `a request for bytes of ${wanted}`).toBeLessThanOrEqual(
      longestRequestBytes,
    );
    return store.get(wanted, options);
  };
  return new Proxy(store, {
    get: (target, property) => (property === 'get' ? get : (Reflect.get(target, property) as unknown)),
  });
}

function objectOf(name: string): StoredObject {
  const parsed = parseObjectName(name);
  if (parsed === undefined || !('packId' in parsed)) throw new TypeError(`${name} is no pack`);
  return { packId: parsed.packId, name };
}

describe('mutated bytes, as anybody can make them', () => {
  test.each<PackKind>(['chunks', 'pages', 'container'])(
    'of a pack (%s) are refused as damage',
    async (kind) => {
      const { names, corpus } = kind === 'container' ? smallContainer() : corpusOf(kind);
      await fuzz({
        name: `pack of kind ${kind}`,
        corpus,
        errors: ['StoredBytesDamagedError', 'FormatVersionError', 'ChunkCorruptError'],
        async parse(mutant, at) {
          const name = names[at] as string;
          const { damage } = await checkPack(storeWith(name, mutant), keys, objectOf(name), kind);
          expect(damage, `a mutant of ${name} was taken`).not.toEqual([]);
          return damage;
        },
      });
    },
  );

  test('of a pack give a reader of frames the right bytes or an error', async () => {
    const { names, corpus } = corpusOf('chunks');
    const segments = new SegmentReader(
      vault.harness.store,
      new PackReader(vault.harness.store, keys).ciphers,
    );
    const wanted: ChunkReference[][] = [];
    for (const name of names) {
      const { directory } = await segments.readDirectory(objectOf(name));
      wanted.push([...listChunks(objectOf(name).packId, directory.frames)]);
    }
    await fuzz({
      name: 'frames of a pack',
      corpus,
      errors: ['StoredBytesDamagedError', 'FormatVersionError', 'ChunkCorruptError'],
      async parse(mutant, at) {
        const name = names[at] as string;
        const chunks = wanted[at] as ChunkReference[];
        const reader = new PackReader(storeWith(name, mutant), keys);
        const frames = chunks.map(({ location }) => location);
        const read = await reader.readFrames(objectOf(name), 'chunk', frames);
        const answers = read.map((answer, index) =>
          answer instanceof Uint8Array ? cutChunk(keys, answer, chunks[index] as ChunkReference) : answer,
        );
        answers.forEach((answer, index) => {
          if (answer instanceof Uint8Array) expect(keys.chunkId(answer)).toBe(chunks[index]?.id);
        });
        return answers.filter((answer) => answer instanceof BackupError);
      },
    });
  });

  test('of a root are refused', async () => {
    const { names, corpus } = corpusOf('root');
    await fuzz({
      name: 'root',
      corpus,
      errors: ['StoredBytesDamagedError', 'FormatVersionError'],
      async parse(mutant, at) {
        const name = names[at] as string;
        const parsed = parseObjectName(name) as { pointId: PointId };
        await decodeRoot(mutant, parsed.pointId, keys, name);
      },
      checkTaken(_, at) {
        throw new Error(`a mutant of ${names[at] ?? ''} was taken`);
      },
    });
  });

  test('of a key file are refused, or at least noticed', async () => {
    const { names, corpus } = corpusOf('key');
    await fuzz({
      name: 'key file',
      corpus,
      errors: ['StoredBytesDamagedError', 'FormatVersionError', 'KeyUnavailableError'],
      async parse(mutant, at) {
        const store = storeWith(names[at] as string, mutant);
        expect(await verifyVaultFiles({ store, keyring: vault.harness.keyring })).not.toEqual([]);
        const opened = await openVault({ store, keyring: vault.harness.keyring });
        const parsed = parseObjectName(names[at] as string) as { keyId: KeyId };
        // The id key is opened with the vault.
        if (opened.knownDataKeys().length === 0) await opened.dataKey(parsed.keyId).catch(onlyOfOtherPurpose);
        await opened.currentDataKey();
      },
    });
  });

  test('of format.json are refused, or at least noticed', async () => {
    const { corpus } = corpusOf('format');
    await fuzz({
      name: 'format.json',
      corpus,
      // A trust domain or a key of another name is as good as none.
      errors: ['StoredBytesDamagedError', 'FormatVersionError', 'InvalidInputError', 'ObjectNotFoundError'],
      async parse(mutant) {
        const store = storeWith('format.json', mutant);
        expect(await verifyVaultFiles({ store, keyring: vault.harness.keyring })).not.toEqual([]);
        await openVault({ store, keyring: vault.harness.keyring });
      },
    });
  });
});

test.each(['footer', 'trailer'] as const)('a %s that claims gigabytes has nobody read them', async (form) => {
  const size = 2 ** 40;
  const end = Buffer.alloc(footerBytes);
  const length = 0xffff_ffff;
  const offset = size - footerBytes - length;
  writeFooter(end, 0, { kind: 'container', offset, length, frame: 5, previousFooter: 0 }, form);
  const store = new MemoryObjectStore({ clock: new FakeClock() });
  store.plantVersion('containers/huge', {
    bytes: size,
    read(from, count) {
      const bytes = Buffer.alloc(count);
      if (from + count === size) end.copy(bytes, count - footerBytes);
      return bytes;
    },
  });
  const segments = new SegmentReader(store, new PackReader(store, keys).ciphers);
  const object = { packId: 'ab'.repeat(16) as PackId, name: 'containers/huge' };

  const reading = form === 'footer' ? segments.readDirectory(object) : segments.readContainerEnd(object);

  await expect(reading).rejects.toMatchObject({ name: 'StoredBytesDamagedError' });
  expect(store.bytesFetched).toBeLessThan(128 * 1024);
});

/** Asked for as a data key, an id key is refused even when it is whole. */
function onlyOfOtherPurpose(error: unknown): void {
  if (!(error instanceof BackupError) || !error.message.includes('it is the id key')) throw error;
}

function smallContainer(): { names: string[]; corpus: Uint8Array[] } {
  const names = namesOf(vault, 'container');
  return { names, corpus: names.map((name) => vault.objects.get(name) as Uint8Array) };
}
