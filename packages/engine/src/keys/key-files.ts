import * as z from 'zod';
import { fromBase64, newId, toBase64 } from '../bytes.ts';
import { BackupError, StoredBytesDamagedError } from '../errors.ts';
import { getBounded } from '../get-bounded.ts';
import type { KeyId, VaultId } from '../ids.ts';
import { keyName, keyPrefix, objectPrefixes, parseObjectName } from '../packs/object-names.ts';
import type { KeyContext, Keyring, WrappedKey } from '../ports/keyring.ts';
import type { ObjectStore, PutOptions } from '../ports/object-store.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import { parseVaultJson } from './parse-vault-json.ts';
import { encodeSealedJson } from './sealed-json.ts';

const hex32 = z.string().regex(/^[0-9a-f]{32}$/);
const keyBytes = 32;
/** A file of `keys/` has some kilobytes. */
export const maxKeyFileBytes = 2 ** 20;

/**
 * `keys/<keyId>.json`: one key, wrapped for each of its recipients. `keys/<keyId>.<fingerprint>.json` is of the same form
 * and wraps the same key for one recipient that came later.
 */
export const KeyFile = z.object({
  formatVersion: z.literal(1),
  keyId: hex32.transform((text) => text as KeyId),
  vaultId: hex32.transform((text) => text as VaultId),
  purpose: z.enum(['data', 'id']),
  createdAt: z.iso.datetime(),
  wrapped: z
    .array(
      z.object({
        recipient: z.string(),
        wrappingKey: z.string(),
        ciphertext: z.base64().transform(fromBase64),
      }),
    )
    .readonly(),
});
export type KeyFile = z.infer<typeof KeyFile>;

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

export async function createKey(
  options: NewKeyOptions,
): Promise<{ readonly keyId: KeyId; readonly key: Uint8Array }> {
  const { vaultId, purpose } = options;
  const keyId = newId<KeyId>(options.random);
  const { plain, wrapped } = await options.keyring.generate({ vaultId, keyId, purpose });
  const createdAt = options.createdAt.toISOString();
  const bytes = encodeKeyFile({ formatVersion: 1, keyId, vaultId, purpose, createdAt, wrapped }, plain);
  await options.store.put(keyName(keyId), bytes, options.put);
  return { keyId, key: plain };
}

/** @param key - the key that the file wraps, in the clear: it seals the file. */
export function encodeKeyFile(file: KeyFile, key: Uint8Array): Uint8Array {
  const { formatVersion, keyId, vaultId, purpose, createdAt } = file;
  const wrapped = file.wrapped.map(({ ciphertext, ...recipient }) => ({
    ...recipient,
    ciphertext: toBase64(ciphertext),
  }));
  return encodeSealedJson({ formatVersion, keyId, vaultId, purpose, createdAt, wrapped }, key, vaultId);
}

/**
 * Unwraps one key of a vault: from its own file, or where that does not do, for a recipient that was added later.
 * @throws {@link ObjectNotFoundError} the vault has no such key.
 * @throws {@link KeyUnavailableError} it cannot be unwrapped here.
 * @throws {@link StoredBytesDamagedError} its file is not that key's, or holds no key of 32 bytes.
 */
export async function loadKey(
  store: ObjectStore,
  keyring: Keyring,
  context: KeyContext,
): Promise<Uint8Array> {
  const name = keyName(context.keyId);
  const own = await readWrapped(store, name, context).catch(permanentError);
  try {
    if (own instanceof Error) throw own;
    return checkKey(await keyring.unwrap(context, own), name);
  } catch (error) {
    permanentError(error);
    const added = await listAddedWrappings(store, context);
    if (added.length === 0) throw error;
    return checkKey(await keyring.unwrap(context, [...(own instanceof Error ? [] : own), ...added]), name);
  }
}

function checkKey(key: Uint8Array, name: string): Uint8Array {
  if (key.length === keyBytes) return key;
  throw new StoredBytesDamagedError(name, `its key has ${key.length} bytes, not ${keyBytes}`);
}

/** Wrappings of a key for recipients that were added later. A damaged one must not hide the others. */
async function listAddedWrappings(store: ObjectStore, context: KeyContext): Promise<readonly WrappedKey[]> {
  const added: WrappedKey[] = [];
  for await (const name of listKeyNames(store, keyPrefix(context.keyId))) {
    if (name === keyName(context.keyId)) continue;
    const wrapped = await readWrapped(store, name, context).catch(permanentError);
    if (!(wrapped instanceof Error)) added.push(...wrapped);
  }
  return added;
}

async function readWrapped(
  store: ObjectStore,
  name: string,
  { vaultId, keyId, purpose }: KeyContext,
): Promise<readonly WrappedKey[]> {
  const file = await readKeyFile(store, name);
  if (file.keyId === keyId && file.vaultId === vaultId && file.purpose === purpose) return file.wrapped;
  throw new StoredBytesDamagedError(
    name,
    `it is the ${file.purpose} key ${file.keyId} of vault ${file.vaultId}`,
  );
}

/** @throws {@link ObjectNotFoundError} there is no such key file. */
async function readKeyFile(store: ObjectStore, name: string): Promise<KeyFile> {
  return parseVaultJson(KeyFile, await getBounded(store, name, maxKeyFileBytes), name);
}

export async function* listKeyNames(
  store: ObjectStore,
  prefix: string,
): AsyncGenerator<string, void, undefined> {
  let previous: string | undefined;
  for await (const { name } of store.listVersions(prefix)) {
    if (parseObjectName(name)?.kind !== 'key' || name === previous) continue;
    previous = name;
    yield name;
  }
}

export interface ListedKeyFile {
  readonly name: string;
  readonly keyId: KeyId;
  /** The recipient's, where the file wraps a key once more for one that came later. */
  readonly fingerprint?: string;
  /** An error says why it cannot be read as a key file. */
  readonly file: KeyFile | BackupError;
}

/**
 * Every key file in the bucket, in the order of names: those too that wrap a key once more, and those of vaults that lost
 * the race for `format.json`.
 * A file that cannot be read as one comes as the error that says why; one that nobody needs must stop nobody.
 */
export async function* listKeyFiles(store: ObjectStore): AsyncGenerator<ListedKeyFile, void, undefined> {
  for await (const name of listKeyNames(store, objectPrefixes.keys)) {
    const parsed = parseObjectName(name);
    if (parsed?.kind !== 'key') continue;
    const { kind: _kind, ...named } = parsed;
    yield { name, ...named, file: await readKeyFile(store, name).catch(permanentError) };
  }
}

function permanentError(error: unknown): BackupError {
  if (error instanceof BackupError && error.retry === 'never') return error;
  throw error;
}
