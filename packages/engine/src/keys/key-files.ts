import * as z from 'zod';
import { fromBase64, newId, toBase64, utf8 } from '../bytes.ts';
import { BackupError, StoredBytesDamagedError } from '../errors.ts';
import type { KeyId, VaultId } from '../ids.ts';
import { keyName, objectPrefixes, parseObjectName } from '../packs/object-names.ts';
import type { KeyContext, Keyring } from '../ports/keyring.ts';
import type { ObjectStore, PutOptions } from '../ports/object-store.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import { parseVaultJson } from './parse-vault-json.ts';

const hex32 = z.string().regex(/^[0-9a-f]{32}$/);
const keyBytes = 32;

/** `keys/<keyId>.json`: one key, wrapped for each of its recipients. */
export const KeyFile = z.object({
  formatVersion: z.literal(1),
  keyId: hex32.transform((text) => text as KeyId),
  vaultId: hex32.transform((text) => text as VaultId),
  purpose: z.enum(['data', 'id']),
  createdAt: z.iso.datetime(),
  wrapped: z.array(
    z.object({
      recipient: z.string(),
      wrappingKey: z.string(),
      ciphertext: z.base64().transform(fromBase64),
    }),
  ),
});
export type KeyFile = z.infer<typeof KeyFile>;

/** What it takes to make a key. */
export interface NewKeyOptions {
  readonly store: ObjectStore;
  readonly keyring: Keyring;
  readonly random: RandomBytes;
  readonly vaultId: VaultId;
  readonly purpose: KeyContext['purpose'];
  /** By the store's clock. */
  readonly createdAt: Date;
  readonly put: PutOptions;
}

/** Makes a key and stores it, wrapped, under a new name. */
export async function createKey(
  options: NewKeyOptions,
): Promise<{ readonly keyId: KeyId; readonly key: Uint8Array }> {
  const { vaultId, purpose } = options;
  const keyId = newId<KeyId>(options.random);
  const { plain, wrapped } = await options.keyring.generate({ vaultId, keyId, purpose });
  const json = {
    formatVersion: 1,
    keyId,
    vaultId,
    purpose,
    createdAt: options.createdAt.toISOString(),
    wrapped: wrapped.map(({ ciphertext, ...recipient }) => ({
      ...recipient,
      ciphertext: toBase64(ciphertext),
    })),
  };
  await options.store.put(keyName(keyId), utf8(`${JSON.stringify(json, undefined, 2)}\n`), options.put);
  return { keyId, key: plain };
}

/**
 * Unwraps one key of a vault.
 * @throws {@link ObjectNotFoundError} the vault has no such key.
 * @throws {@link KeyUnavailableError} it cannot be unwrapped here.
 * @throws {@link StoredBytesDamagedError} its file is not that key's, or holds no key of 32 bytes.
 */
export async function loadKey(
  store: ObjectStore,
  keyring: Keyring,
  context: KeyContext,
): Promise<Uint8Array> {
  const { vaultId, keyId, purpose } = context;
  const name = keyName(keyId);
  const file = await readKeyFile(store, keyId);
  if (file.keyId !== keyId || file.vaultId !== vaultId || file.purpose !== purpose) {
    throw new StoredBytesDamagedError(
      name,
      `it is the ${file.purpose} key ${file.keyId} of vault ${file.vaultId}`,
    );
  }
  const key = await keyring.unwrap(context, file.wrapped);
  if (key.length !== keyBytes)
    throw new StoredBytesDamagedError(name, `its key has ${key.length} bytes, not ${keyBytes}`);
  return key;
}

/** @throws {@link ObjectNotFoundError} there is no such key file. */
async function readKeyFile(store: ObjectStore, keyId: KeyId): Promise<KeyFile> {
  const name = keyName(keyId);
  return parseVaultJson(KeyFile, await store.get(name), name);
}

/**
 * Every key file in the bucket, in the order of names: also those of vaults that lost the race for `format.json`.
 * A file that cannot be read as one comes as the error that says why; one that nobody needs must stop nobody.
 */
export async function* listKeyFiles(
  store: ObjectStore,
): AsyncGenerator<{ readonly keyId: KeyId; readonly file: KeyFile | BackupError }, void, undefined> {
  let previous: KeyId | undefined;
  for await (const { name } of store.listVersions(objectPrefixes.keys)) {
    const parsed = parseObjectName(name);
    if (parsed?.kind !== 'key' || parsed.keyId === previous) continue;
    previous = parsed.keyId;
    yield { keyId: parsed.keyId, file: await readKeyFile(store, parsed.keyId).catch(permanentError) };
  }
}

function permanentError(error: unknown): BackupError {
  if (error instanceof BackupError && error.retry === 'never') return error;
  throw error;
}
