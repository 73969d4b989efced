import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { InvalidInputError, KeyUnavailableError, NotSupportedError } from '../../src/errors.ts';
import type { KeyId, VaultId } from '../../src/ids.ts';
import { OfflineKeyring } from '../../src/keys/offline-keyring.ts';
import { readOfflinePublicKey, withOfflineRecipient } from '../../src/keys/offline-recipient.ts';
import { initialiseVault, openVault } from '../../src/keys/open-vault.ts';
import { ensureVaultLocks } from '../../src/keys/vault-locks.ts';
import type { KeyContext, Keyring } from '../../src/ports/keyring.ts';
import {
  FakeClock,
  MemoryKeyring,
  MemoryObjectStore,
  SeededRandom,
  rotateDataKey,
} from '../../src/testing/index.ts';
import { verifyVaultFiles } from '../../src/verify/verify-vault-files.ts';

interface Pair {
  readonly publicKey: string;
  readonly privateKey: string;
}

function makePair(modulusLength = 3072, passphrase?: string): Pair {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength });
  const cipher = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  return {
    publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
    privateKey: String(privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher })),
  };
}

const context: KeyContext = {
  vaultId: '0'.repeat(32) as VaultId,
  keyId: '1'.repeat(32) as KeyId,
  purpose: 'data',
};
let pair: Pair;
let other: Pair;

beforeAll(() => {
  pair = makePair();
  other = makePair(3072, 'open sesame');
});

/** A vault of which KMS can be lost: `online` opens it until then. */
function makeBucket() {
  const clock = new FakeClock();
  const random = new SeededRandom('offline');
  return { clock, random, store: new MemoryObjectStore({ clock }), online: new MemoryKeyring(random) };
}

const namesOf = async (store: MemoryObjectStore): Promise<readonly string[]> =>
  (await Array.fromAsync(store.listVersions('keys/'))).map(({ name }) => name);

describe('an offline recipient', () => {
  test('opens every key that is made from then on, and so does the keyring that it was added to', async () => {
    const online = new MemoryKeyring(new SeededRandom(1));

    const { plain, wrapped } = await withOfflineRecipient(online, pair.publicKey).generate(context);

    expect(wrapped.map(({ recipient }) => recipient)).toEqual(['memory', 'offline']);
    expect(wrapped[1]?.wrappingKey).toMatch(/^RSA key with fingerprint [0-9a-f]{16}$/);
    expect(await OfflineKeyring.open(pair.privateKey).unwrap(context, wrapped)).toEqual(plain);
    expect(await online.unwrap(context, wrapped)).toEqual(plain);
  });

  test.each<{ what: string; change: Partial<KeyContext> }>([
    { what: 'vault', change: { vaultId: '2'.repeat(32) as VaultId } },
    { what: 'key', change: { keyId: '2'.repeat(32) as KeyId } },
    { what: 'purpose', change: { purpose: 'id' } },
  ])('opens no key of another $what', async ({ change }) => {
    const online = new MemoryKeyring(new SeededRandom(1));
    const { wrapped } = await withOfflineRecipient(online, pair.publicKey).generate(context);

    const opened = OfflineKeyring.open(pair.privateKey).unwrap({ ...context, ...change }, wrapped);

    await expect(opened).rejects.toThrow(KeyUnavailableError);
  });

  test('is told from another one, by name', async () => {
    const online = new MemoryKeyring(new SeededRandom(1));
    const { wrapped } = await withOfflineRecipient(online, pair.publicKey).generate(context);
    const wrong = OfflineKeyring.open(other.privateKey, 'open sesame');

    await expect(wrong.unwrap(context, wrapped)).rejects.toThrow(
      /offline \(RSA key with fingerprint [0-9a-f]{16}\), the key at hand is RSA key with fingerprint/,
    );
  });

  test('takes its public key without the lines of PEM, too, as a variable carries it', () => {
    const der = createPublicKey(pair.publicKey).export({ type: 'spki', format: 'der' });

    expect(readOfflinePublicKey(der.toString('base64')).equals(createPublicKey(pair.publicKey))).toBe(true);
  });

  test.each<{ what: string; key: () => string; says: string }>([
    { what: 'a private key', key: () => pair.privateKey, says: 'PRIVATE key; keep it offline' },
    { what: 'an encrypted private key', key: () => other.privateKey, says: 'PRIVATE key; keep it offline' },
    { what: 'a key of 2,048 bits', key: () => makePair(2048).publicKey, says: '2048 bits, less than 3072' },
    {
      what: 'a key that is not RSA',
      key: () => String(generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' })),
      says: 'of the type ed25519, not rsa',
    },
    { what: 'nonsense', key: () => 'nonsense', says: 'no public key in PEM' },
  ])('is refused when its key is $what', ({ key, says }) => {
    const add = (): Keyring => withOfflineRecipient(new MemoryKeyring(new SeededRandom(1)), key());

    expect(add).toThrow(InvalidInputError);
    expect(add).toThrow(says);
  });
});

describe('the offline key', () => {
  test('is opened with its passphrase', async () => {
    const online = new MemoryKeyring(new SeededRandom(1));
    const { plain, wrapped } = await withOfflineRecipient(online, other.publicKey).generate(context);

    const keyring = OfflineKeyring.open(other.privateKey, 'open sesame');

    expect(await keyring.unwrap(context, wrapped)).toEqual(plain);
  });

  test.each<{ what: string; key: () => string; passphrase?: string; says: string }>([
    { what: 'is a public key', key: () => pair.publicKey, says: 'a public key, which opens nothing' },
    { what: 'is nonsense', key: () => 'nonsense', says: 'no private key; give the private key in PEM' },
    { what: 'lacks its passphrase', key: () => other.privateKey, says: 'encrypted; give its passphrase' },
    {
      what: 'has another passphrase',
      key: () => other.privateKey,
      passphrase: 'guess',
      says: 'its passphrase is wrong',
    },
    { what: 'is too small', key: () => makePair(2048).privateKey, says: '2048 bits, less than 3072' },
  ])('is refused when it $what', ({ key, passphrase, says }) => {
    expect(() => OfflineKeyring.open(key(), passphrase)).toThrow(says);
  });

  test('makes no keys', async () => {
    await expect(OfflineKeyring.open(pair.privateKey).generate(context)).rejects.toThrow(NotSupportedError);
  });
});

describe('a vault with an offline recipient', () => {
  test('opens with the offline key alone', async () => {
    const { online, ...bucket } = makeBucket();
    const made = await initialiseVault({ ...bucket, keyring: withOfflineRecipient(online, pair.publicKey) });

    const opened = await openVault({ ...bucket, keyring: OfflineKeyring.open(pair.privateKey) });

    expect(await opened.export()).toEqual(await made.export());
    expect(await namesOf(bucket.store)).toHaveLength(2);
  });

  test('that was named later has wrappings for all keys that were there, once, from the next opening on', async () => {
    const { online, ...bucket } = makeBucket();
    const vault = await initialiseVault({ ...bucket, keyring: online });
    await rotateDataKey(vault, { ...bucket, keyring: online });
    const offline = OfflineKeyring.open(pair.privateKey);
    await expect(openVault({ ...bucket, keyring: offline })).rejects.toThrow(KeyUnavailableError);
    const both = withOfflineRecipient(online, pair.publicKey);
    const lock = { mode: 'governance', until: new Date(bucket.clock.now().getTime() + 9_000) } as const;

    await Promise.all([1, 2, 3].map(async () => initialiseVault({ ...bucket, keyring: both, lock })));
    await rotateDataKey(vault, { ...bucket, keyring: both });
    await initialiseVault({ ...bucket, keyring: both, lock });

    const added = (await namesOf(bucket.store)).filter((name) => /\.[0-9a-f]{16}\.json$/.test(name));
    expect(added).toHaveLength(3);
    for (const name of added) expect((await bucket.store.head(name)).lock).toEqual(lock);
    const opened = await openVault({ ...bucket, keyring: offline });
    expect(opened.pageIdKey).toEqual(vault.pageIdKey);
    for (const keyId of vault.knownDataKeys())
      expect((await opened.dataKey(keyId)).reveal()).toEqual((await vault.dataKey(keyId)).reveal());
  });

  test('can have two of them, one after the other', async () => {
    const { online, ...bucket } = makeBucket();
    const made = await initialiseVault({ ...bucket, keyring: withOfflineRecipient(online, pair.publicKey) });

    await initialiseVault({ ...bucket, keyring: withOfflineRecipient(online, other.publicKey) });

    for (const keyring of [
      OfflineKeyring.open(pair.privateKey),
      OfflineKeyring.open(other.privateKey, 'open sesame'),
    ])
      expect((await openVault({ ...bucket, keyring })).pageIdKey).toEqual(made.pageIdKey);
  });

  test('keeps the locks of added wrappings with those of its keys', async () => {
    const { online, ...bucket } = makeBucket();
    await initialiseVault({ ...bucket, keyring: online });
    await initialiseVault({ ...bucket, keyring: withOfflineRecipient(online, pair.publicKey) });
    const until = new Date(bucket.clock.now().getTime() + 9_000);

    await ensureVaultLocks(bucket.store, { mode: 'governance', until });

    for (const name of await namesOf(bucket.store))
      expect((await bucket.store.head(name)).lock).toEqual({ mode: 'governance', until });
  });

  test('opens although the files of its keys are lost, and verifying says which are damaged', async () => {
    const { online, ...bucket } = makeBucket();
    const made = await initialiseVault({ ...bucket, keyring: online });
    await initialiseVault({ ...bucket, keyring: withOfflineRecipient(online, pair.publicKey) });
    const without = new MemoryObjectStore({ clock: bucket.clock });
    for await (const { name } of bucket.store.listVersions('')) {
      const bytes = Buffer.from(await bucket.store.get(name));
      // A changed date: the key still unwraps, and its seal does not fit.
      const changed = Buffer.from(bytes.toString('utf8').replace(/"createdAt": "\d/, '"createdAt": "9'));
      if (name === 'format.json') await without.put(name, bytes);
      else if (/\.[0-9a-f]{16}\.json$/.test(name)) await without.put(name, changed);
    }
    const keyring = OfflineKeyring.open(pair.privateKey);

    const opened = await openVault({ store: without, keyring });

    expect(opened.pageIdKey).toEqual(made.pageIdKey);
    const losses = await verifyVaultFiles({ store: without, keyring });
    expect(losses.map(({ message }) => message).join('\n')).toMatch(
      /^keys\/\w{32}\.\w{16}\.json is damaged: it was changed.*\nkeys\/\w{32}\.\w{16}\.json is damaged: it was changed/,
    );
    expect(await verifyVaultFiles({ store: bucket.store, keyring: online })).toEqual([]);
  });
});
