import { isOfKind, KeyUnavailableError } from '../errors.ts';
import type { KeyId, VaultId } from '../ids.ts';
import { addedKeyName } from '../packs/object-names.ts';
import type { AbsentRecipient, Keyring } from '../ports/keyring.ts';
import type { ObjectStore, PutOptions } from '../ports/object-store.ts';
import { encodeKeyFile, type KeyFile, listKeyFiles, loadKey } from './key-files.ts';

/**
 * Wraps every key of a vault for the keyring's absent recipient that is not wrapped for it yet: those that were made
 * before it was configured. A key file is never changed; what is missing comes into a new one beside it. Repeatable, by
 * any number of callers at once. Costs nothing without such a recipient, else a listing and a request a key.
 * A key that cannot be opened here is left as it is: it must not stop a backup that does not need it.
 */
export async function addMissingWrappings(
  { store, keyring }: { readonly store: ObjectStore; readonly keyring: Keyring },
  vaultId: VaultId,
  put: PutOptions,
): Promise<void> {
  const { absentRecipient } = keyring;
  if (absentRecipient === undefined) return;
  const { fingerprint, wrappingKey } = absentRecipient;
  const missing = new Map<KeyId, KeyFile>();
  const present = new Set<KeyId>();
  for await (const { keyId, file, ...added } of listKeyFiles(store)) {
    if (file instanceof Error || file.vaultId !== vaultId || file.keyId !== keyId) continue;
    if (added.fingerprint === fingerprint || file.wrapped.some((key) => key.wrappingKey === wrappingKey))
      present.add(keyId);
    else if (added.fingerprint === undefined) missing.set(keyId, file);
  }
  for (const [keyId, file] of missing)
    if (!present.has(keyId)) await addWrapping(store, keyring, absentRecipient, file, put);
}

async function addWrapping(
  store: ObjectStore,
  keyring: Keyring,
  recipient: AbsentRecipient,
  file: KeyFile,
  put: PutOptions,
): Promise<void> {
  const { vaultId, keyId, purpose } = file;
  const context = { vaultId, keyId, purpose };
  try {
    const key = await loadKey(store, keyring, context);
    const bytes = encodeKeyFile({ ...file, wrapped: [recipient.wrap(context, key)] }, key);
    await store.put(addedKeyName(keyId, recipient.fingerprint), bytes, put);
  } catch (error) {
    if (!isOfKind(error, 'taken', 'damage') && !(error instanceof KeyUnavailableError)) throw error;
  }
}
