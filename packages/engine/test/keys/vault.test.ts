import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../src/bytes.ts';
import type { KeyId, PackId, VaultId } from '../../src/ids.ts';
import { listKeyFiles } from '../../src/keys/key-files.ts';
import { dataKeySource, initialiseVault, openVault } from '../../src/keys/open-vault.ts';
import { VaultKeys, type VaultSecrets } from '../../src/keys/vault-keys.ts';
import { ensureVaultLocks } from '../../src/keys/vault-locks.ts';
import {
  FakeClock,
  FaultPlan,
  MemoryKeyring,
  MemoryObjectStore,
  ProcessKilledError,
  SeededRandom,
  withFaults,
  rotateDataKey,
} from '../../src/testing/index.ts';

const day = 86_400_000;
const packId = '0123456789abcdef0123456789abcdef' as PackId;
const plain = utf8('some content');

function makeBucket(seed = 'bucket') {
  const clock = new FakeClock();
  const random = new SeededRandom(seed);
  return { clock, random, store: new MemoryObjectStore({ clock }), keyring: new MemoryKeyring(random) };
}

const lockAfter = (clock: FakeClock, days: number) =>
  ({ mode: 'compliance', until: new Date(clock.now().getTime() + days * day) }) as const;

test('names zeros of any length, and what is zeros but for a byte, by their hash', async () => {
  const vault = await initialiseVault(makeBucket());
  const lengths = [1, 65_535, 65_536, 200_000, 65_536, 200_000];
  const almost = lengths.flatMap((length) =>
    [0, length >> 1, length - 1].map((at) => new Uint8Array(length).fill(1, at, at + 1)),
  );

  for (const bytes of [...lengths.map((length) => new Uint8Array(length)), ...almost])
    expect(vault.chunkId(bytes)).toBe(vault.chunkIdOfHash(hash('sha256', bytes, 'buffer')));
});

describe('making a vault', () => {
  test('gives a vault that opens with the same ids and keys', async () => {
    const bucket = makeBucket();

    const made = await initialiseVault(bucket);
    const opened = await openVault(bucket);

    expect(opened.vaultId).toBe(made.vaultId);
    expect(opened.chunkId(plain)).toBe(made.chunkId(plain));
    expect(opened.pageId(plain)).toBe(made.pageId(plain));
    expect(opened.pageBoundaryKey).toEqual(made.pageBoundaryKey);
    const [current, same] = [await made.currentDataKey(), await opened.currentDataKey()];
    expect(same.objectKey(packId)).toEqual(current.objectKey(packId));
  });

  test('makes one vault however many make it at once', async () => {
    const bucket = makeBucket();

    const vaults = await Promise.all(
      Array.from({ length: 20 }, async (_, index) =>
        initialiseVault({ ...bucket, random: new SeededRandom(`racer ${index}`) }),
      ),
    );

    expect(new Set(vaults.map(({ vaultId }) => vaultId)).size).toBe(1);
    expect(new Set(vaults.map((vault) => vault.chunkId(plain))).size).toBe(1);
    const dataKeys = await Promise.all(vaults.map(async (vault) => vault.currentDataKey()));
    expect(new Set(dataKeys.map(({ keyId }) => keyId)).size).toBe(1);
    expect(bucket.store.requests('put')).toBe(60);
  });

  test('can be repeated after it was killed at any call', async () => {
    let finished = false;
    for (let call = 1; !finished; call++) {
      for (const kind of ['kill', 'kill-after'] as const) {
        const bucket = makeBucket(`killed ${call}`);
        const plan = new FaultPlan([{ kind, call }]);
        const attempt = initialiseVault({
          ...bucket,
          store: withFaults(bucket.store, plan),
          keyring: withFaults(bucket.keyring, plan),
        });
        await attempt.catch((error: unknown) => expect(error).toBeInstanceOf(ProcessKilledError));
        finished = !plan.killed;

        const [vault, again] = [await initialiseVault(bucket), await openVault(bucket)];
        expect(again.chunkId(plain)).toBe(vault.chunkId(plain));
        expect((await again.currentDataKey()).keyId).toBe((await vault.currentDataKey()).keyId);
      }
    }
  });

  test('locks what it writes', async () => {
    const bucket = makeBucket();
    const lock = lockAfter(bucket.clock, 30);

    await initialiseVault({ ...bucket, lock });

    for await (const { name } of bucket.store.listVersions('')) {
      expect((await bucket.store.head(name)).lock).toEqual(lock);
    }
  });
});

describe('opening a vault', () => {
  test('says that a bucket has none', async () => {
    await expect(openVault(makeBucket())).rejects.toMatchObject({ name: 'VaultMissingError' });
  });

  test('refuses a trust domain that the vault has not', async () => {
    const bucket = makeBucket();
    await initialiseVault(bucket);

    for (const trustDomain of ['host', 'constructor', '__proto__']) {
      await expect(openVault({ ...bucket, trustDomain })).rejects.toMatchObject({
        name: 'InvalidInputError',
      });
    }
  });

  test('fails with another keyring', async () => {
    const bucket = makeBucket();
    await initialiseVault(bucket);

    const keyring = new MemoryKeyring(new SeededRandom('another'));

    await expect(openVault({ ...bucket, keyring })).rejects.toMatchObject({ name: 'KeyUnavailableError' });
  });

  test.each([
    ['text that is not JSON', 'hello', 'StoredBytesDamagedError'],
    ['bytes that are not UTF-8', '\u{d800}', 'StoredBytesDamagedError'],
    ['a newer version', '{"formatVersion":2}', 'FormatVersionError'],
    ['a missing field', '{"formatVersion":1,"vaultId":"00"}', 'StoredBytesDamagedError'],
  ])('refuses a format file with %s', async (_, text, name) => {
    const bucket = makeBucket();
    bucket.store.plantVersion('format.json', text === '\u{d800}' ? Uint8Array.of(0xff, 0xfe) : utf8(text));

    await expect(openVault(bucket)).rejects.toMatchObject({ name });
  });

  test('takes the oldest version of a file that somebody wrote over', async () => {
    const bucket = makeBucket();
    const made = await initialiseVault(bucket);
    bucket.store.plantVersion('format.json', utf8('{}'));

    expect((await openVault(bucket)).vaultId).toBe(made.vaultId);
  });

  test('uses the newest data key although other files in keys/ are junk or of another vault', async () => {
    const bucket = makeBucket();
    const vault = await initialiseVault(bucket);
    const { keyId } = await vault.currentDataKey();
    bucket.clock.advance(day);
    bucket.store.plantVersion(`keys/${'f'.repeat(32)}.json`, utf8('junk'));
    bucket.store.plantVersion('keys/readme.txt', utf8('junk'));
    const other = new MemoryObjectStore({ clock: bucket.clock });
    const stranger = await initialiseVault({ ...bucket, store: other });
    const strangeKey = `keys/${(await stranger.currentDataKey()).keyId}.json`;
    bucket.store.plantVersion(strangeKey, await other.get(strangeKey));

    expect((await (await openVault(bucket)).currentDataKey()).keyId).toBe(keyId);
  });

  test('is hindered by no file in keys/ that is larger than any memory', async () => {
    const bucket = makeBucket();
    const made = await initialiseVault(bucket);
    const huge = { bytes: 2 ** 42, read: (_offset: number, length: number) => new Uint8Array(length) };
    bucket.store.plantVersion(`keys/${'0'.repeat(32)}.json`, huge);

    const opened = await openVault(bucket);

    expect((await opened.currentDataKey()).keyId).toBe((await made.currentDataKey()).keyId);
  });

  test('refuses a key file under the name of another key', async () => {
    const bucket = makeBucket();
    const vault = await initialiseVault(bucket);
    const { keyId } = await vault.currentDataKey();
    const copied = 'e'.repeat(32) as KeyId;
    bucket.store.plantVersion(`keys/${copied}.json`, await bucket.store.get(`keys/${keyId}.json`));

    await expect((await openVault(bucket)).dataKey(copied)).rejects.toMatchObject({
      name: 'StoredBytesDamagedError',
    });
  });

  test('tries again to unwrap a data key after a failure that passed', async () => {
    const bucket = makeBucket();
    await initialiseVault(bucket);
    const plan = new FaultPlan([{ kind: 'throttle', call: 2, method: 'unwrap' }]);
    const vault = await openVault({ ...bucket, keyring: withFaults(bucket.keyring, plan) });

    await expect(vault.currentDataKey()).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    expect((await vault.currentDataKey()).keyId).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('data keys', () => {
  test('rotate: new objects use the new key, old ones stay readable, also by readers with an older view', async () => {
    const bucket = makeBucket();
    const writer = await initialiseVault(bucket);
    const reader = await openVault(bucket);
    const before = await writer.currentDataKey();
    await reader.currentDataKey();
    bucket.clock.advance(1000);

    const keyId = await rotateDataKey(writer, bucket);

    expect((await writer.currentDataKey()).keyId).toBe(keyId);
    expect((await (await openVault(bucket)).currentDataKey()).keyId).toBe(keyId);
    expect(await writer.objectKey(before.keyId, packId)).toEqual(before.objectKey(packId));
    expect(await reader.objectKey(keyId, packId)).toEqual(await writer.objectKey(keyId, packId));
    expect((await reader.currentDataKey()).keyId).toBe(before.keyId);
  });

  test('are unwrapped once however many ask', async () => {
    const bucket = makeBucket();
    const { keyId } = await (await initialiseVault(bucket)).currentDataKey();
    const vault = await openVault(bucket);
    bucket.keyring.calls = 0;

    await Promise.all(Array.from({ length: 10 }, async () => vault.objectKey(keyId, packId)));

    expect(bucket.keyring.calls).toBe(1);
  });

  test('that the vault has not are not found', async () => {
    const bucket = makeBucket();
    const vault = await initialiseVault(bucket);

    await expect(vault.dataKey('c'.repeat(32) as KeyId)).rejects.toMatchObject({
      name: 'ObjectNotFoundError',
    });
  });
});

describe('exported keys', () => {
  test('work in another thread, with and without the store at hand', async () => {
    const bucket = makeBucket();
    const vault = await initialiseVault(bucket);
    const first = await vault.currentDataKey();
    const secrets: VaultSecrets = structuredClone(await vault.export());
    bucket.clock.advance(1000);
    const second = await rotateDataKey(vault, bucket);

    const alone = VaultKeys.import(secrets);
    const connected = VaultKeys.import(secrets, dataKeySource(secrets.vaultId, bucket));

    expect(alone.chunkId(plain)).toBe(vault.chunkId(plain));
    expect(await alone.objectKey(first.keyId, packId)).toEqual(first.objectKey(packId));
    expect((await alone.currentDataKey()).keyId).toBe(first.keyId);
    await expect(alone.dataKey(second)).rejects.toMatchObject({ name: 'KeyUnavailableError' });
    expect(await connected.objectKey(second, packId)).toEqual(await vault.objectKey(second, packId));
  });
});

describe('the keys of docs/format.md', () => {
  const source = {
    load: async () => Promise.resolve(fromHex('11'.repeat(32))),
    findNewest: async () => Promise.reject(new Error('none')),
  };
  const vault = new VaultKeys(
    '00112233445566778899aabbccddeeff' as VaultId,
    fromHex('22'.repeat(32)),
    source,
  );

  test('are derived as it says', async () => {
    const dataKey = await vault.dataKey('44'.repeat(16) as KeyId);

    expect({
      chunk: vault.chunkId(plain),
      page: vault.pageId(plain),
      boundary: toHex(vault.pageBoundaryKey),
      object: toHex(dataKey.objectKey(packId)),
      root: toHex(dataKey.rootKey(fromHex('0123456789abcdef0123456789abcdef'))),
    }).toEqual({
      // Computed with Python's hmac and hashlib.
      chunk: '54b272e34b9729a0c0c87d021450e40369f4a23aef545bca65ff907520174953',
      page: '3cb256e388089af91a4abe0d98e93000951572fe8e87bcfac81b3c99c6a04c76',
      boundary: '6676ad346f4aa2b9850b5839a3b682962108f3309f284bd5bc39f74f82327603',
      object: '45fd0cb2cb4a2ccc3754081e19a15fe3152d182a18cf07b054f55304a4a81e9a',
      root: '45fd0cb2cb4a2ccc3754081e19a15fe3152d182a18cf07b054f55304a4a81e9a',
    });
  });
});

describe('the vault’s own locks', () => {
  test('are moved to the date of a run, and never back', async () => {
    const bucket = makeBucket();
    await initialiseVault({ ...bucket, lock: lockAfter(bucket.clock, 10) });
    const far = lockAfter(bucket.clock, 100);

    expect(await ensureVaultLocks(bucket.store, far)).toBe(3);
    expect(await ensureVaultLocks(bucket.store, far)).toBe(0);
    expect(await ensureVaultLocks(bucket.store, lockAfter(bucket.clock, 50))).toBe(0);
    for await (const { name } of bucket.store.listVersions('')) {
      expect((await bucket.store.head(name)).lock?.until).toEqual(far.until);
    }
  });

  test('do not extend to keys of a vault that lost the race', async () => {
    const bucket = makeBucket();
    const near = lockAfter(bucket.clock, 10);
    await Promise.all(
      [1, 2].map(async (n) => initialiseVault({ ...bucket, random: new SeededRandom(n), lock: near })),
    );
    const far = lockAfter(bucket.clock, 100);

    expect(await ensureVaultLocks(bucket.store, far)).toBe(3);
    const keys: string[] = [];
    for await (const { keyId } of listKeyFiles(bucket.store)) keys.push(keyId);
    expect(keys.length).toBe(4);
  });

  test('need a vault', async () => {
    const { store, clock } = makeBucket();

    await expect(ensureVaultLocks(store, lockAfter(clock, 1))).rejects.toMatchObject({
      name: 'VaultMissingError',
    });
  });
});
