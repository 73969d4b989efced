import { InvalidInputError, KeyUnavailableError, ObjectExistsError, VaultMissingError } from '../errors.ts';
import { newId } from '../bytes.ts';
import type { KeyId, VaultId } from '../ids.ts';
import type { Keyring } from '../ports/keyring.ts';
import type { ObjectLock, ObjectStore } from '../ports/object-store.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import { addMissingWrappings } from './added-wrappings.ts';
import { findFormatFile, putFormatFile, type FormatFile } from './format-file.ts';
import { createKey, listKeyFiles, loadKey } from './key-files.ts';
import { VaultKeys, type DataKeySource } from './vault-keys.ts';

/** Sources in the cloud share one id key and one chunk index; an agent on a host has its own. */
const cloudTrustDomain = 'cloud';

export interface OpenVaultOptions {
  readonly store: ObjectStore;
  readonly keyring: Keyring;
  /** The trust domain whose id key is used. @default 'cloud' */
  readonly trustDomain?: string;
}

export interface InitialiseVaultOptions extends OpenVaultOptions {
  readonly random: RandomBytes;
  /** Lock of the vault's keys and format file; absent only for stores without Object Lock. */
  readonly lock?: ObjectLock;
}

/**
 * Opens a vault that exists: unwraps its id key. Data keys follow when they are needed.
 * @throws {@link VaultMissingError} the bucket holds none.
 * @throws {@link InvalidInputError} the vault has no such trust domain.
 * @throws {@link KeyUnavailableError} the id key cannot be unwrapped here.
 */
export async function openVault(options: OpenVaultOptions): Promise<VaultKeys> {
  const format = await findFormatFile(options.store);
  if (format === undefined) throw new VaultMissingError();
  return openFormat(format, options);
}

/**
 * Opens the bucket's vault, making it first if there is none. Any number of callers may do so at once: all of them
 * get the same vault. The keys are written before `format.json` names them, so a vault that can be seen is whole;
 * keys of a caller that lost belong to a vault id that nobody names, and are left to their lock's end.
 * Keys of a vault that exists are wrapped for the keyring's absent recipient, where they are not yet.
 */
export async function initialiseVault(options: InitialiseVaultOptions): Promise<VaultKeys> {
  const { store, keyring, random, trustDomain = cloudTrustDomain } = options;
  const existing = await findFormatFile(store);
  const put = options.lock === undefined ? {} : { lock: options.lock };
  if (existing !== undefined) {
    await addMissingWrappings(options, existing.vaultId, put);
    return openFormat(existing, options);
  }
  const createdAt = await store.now();
  const vaultId = newId<VaultId>(random);
  const idKey = await createKey({ store, keyring, random, vaultId, purpose: 'id', createdAt, put });
  const dataKey = await createKey({ store, keyring, random, vaultId, purpose: 'data', createdAt, put });
  try {
    await putFormatFile(
      store,
      {
        formatVersion: 1,
        vaultId,
        createdAt: createdAt.toISOString(),
        idKeys: { [trustDomain]: idKey.keyId },
      },
      idKey.key,
      put,
    );
  } catch (error) {
    if (error instanceof ObjectExistsError) return openVault(options);
    throw error;
  }
  const vault = new VaultKeys(vaultId, idKey.key, dataKeySource(vaultId, options));
  vault.useDataKey(dataKey.keyId, dataKey.key);
  return vault;
}

/** Data keys as the vault stores them. For a {@link VaultKeys} imported where the store and keyring are at hand. */
export function dataKeySource(
  vaultId: VaultId,
  { store, keyring }: Pick<OpenVaultOptions, 'store' | 'keyring'>,
): DataKeySource {
  return {
    load: async (keyId) => loadKey(store, keyring, { vaultId, keyId, purpose: 'data' }),
    findNewest: async () => findNewestDataKey(store, vaultId),
  };
}

async function openFormat(format: FormatFile, options: OpenVaultOptions): Promise<VaultKeys> {
  const { store, keyring, trustDomain = cloudTrustDomain } = options;
  const { vaultId, idKeys } = format;
  const keyId = Object.hasOwn(idKeys, trustDomain) ? idKeys[trustDomain] : undefined;
  if (keyId === undefined) {
    const known = Object.keys(idKeys).join(', ');
    throw new InvalidInputError(`the vault has no trust domain "${trustDomain}"; it has ${known || 'none'}`);
  }
  const idKey = await loadKey(store, keyring, { vaultId, keyId, purpose: 'id' });
  return new VaultKeys(vaultId, idKey, dataKeySource(vaultId, options));
}

async function findNewestDataKey(store: ObjectStore, vaultId: VaultId): Promise<KeyId> {
  let newest: { readonly keyId: KeyId; readonly createdAt: number } | undefined;
  for await (const { keyId, fingerprint, file } of listKeyFiles(store)) {
    if (fingerprint !== undefined || file instanceof Error || file.keyId !== keyId) continue;
    if (file.vaultId !== vaultId || file.purpose !== 'data') continue;
    const createdAt = Date.parse(file.createdAt);
    // Names come in ascending order, so of two keys of one time the later name wins.
    if (newest === undefined || createdAt >= newest.createdAt) newest = { keyId, createdAt };
  }
  if (newest === undefined) throw new KeyUnavailableError('for new data', []);
  return newest.keyId;
}
