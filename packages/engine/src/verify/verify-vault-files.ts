import { StoredBytesDamagedError, VaultMissingError } from '../errors.ts';
import { getBounded } from '../get-bounded.ts';
import type { KeyId, VaultId } from '../ids.ts';
import { findFormatFile } from '../keys/format-file.ts';
import { listKeyFiles, loadKey, maxKeyFileBytes } from '../keys/key-files.ts';
import { checkSealedJson } from '../keys/sealed-json.ts';
import { formatFileName } from '../packs/object-names.ts';
import type { Keyring } from '../ports/keyring.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { isLoss } from './loss.ts';
import { errorRecordOf, type ErrorRecord } from '../model/error-record.ts';

/**
 * Verifies `format.json` and every key file to the last byte, and that each key can be unwrapped. This includes keys of
 * a vault that lost the race for the bucket, as damage could make a key look like one of them. Costs one unwrapping a
 * key.
 * @returns problems of any of them; empty when there are none.
 * @throws {@link VaultMissingError} the bucket holds no vault.
 */
export async function verifyVaultFiles({
  store,
  keyring,
}: {
  readonly store: ObjectStore;
  readonly keyring: Keyring;
}): Promise<readonly ErrorRecord[]> {
  const losses: ErrorRecord[] = [];
  const attempt = async (check: () => Promise<void>): Promise<void> => {
    try {
      await check();
    } catch (error) {
      if (!isLoss(error)) throw error;
      losses.push(errorRecordOf(error));
    }
  };
  const keys = new Map<KeyId, Uint8Array>();
  for await (const { name, keyId, file } of listKeyFiles(store)) {
    await attempt(async () => {
      if (file instanceof Error) throw file;
      const { vaultId, purpose } = file;
      const key = await loadKey(store, keyring, { keyId, vaultId, purpose });
      keys.set(keyId, key);
      await checkFile(store, name, key, vaultId);
    });
  }
  await attempt(async () => {
    const format = await findFormatFile(store);
    if (format === undefined) {
      if (losses.length + keys.size === 0) throw new VaultMissingError();
      throw new StoredBytesDamagedError(formatFileName, 'it is gone, and keys of a vault are there');
    }
    const { vaultId, idKeys } = format;
    const [first] = Object.values(idKeys);
    for (const keyId of Object.values(idKeys)) {
      const key = keys.get(keyId);
      if (key === undefined)
        throw new StoredBytesDamagedError(
          formatFileName,
          `it names key ${keyId}, which the vault does not have or which is damaged itself`,
        );
      if (keyId === first) await checkFile(store, formatFileName, key, vaultId);
    }
  });
  return losses;
}

async function checkFile(store: ObjectStore, name: string, key: Uint8Array, vaultId: VaultId): Promise<void> {
  checkSealedJson(await getBounded(store, name, maxKeyFileBytes), key, vaultId, name);
}
