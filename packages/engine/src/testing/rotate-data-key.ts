import type { KeyId } from '../ids.ts';
import { createKey } from '../keys/key-files.ts';
import type { InitialiseVaultOptions } from '../keys/open-vault.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';

/**
 * Makes a new data key and uses it from now on. Other processes take it up when they next open the vault; what was
 * written before stays readable with the older key.
 */
export async function rotateDataKey(
  vault: VaultKeys,
  options: Omit<InitialiseVaultOptions, 'trustDomain'>,
): Promise<KeyId> {
  const { keyId, key } = await createKey({
    ...options,
    vaultId: vault.vaultId,
    purpose: 'data',
    createdAt: await options.store.now(),
    put: options.lock === undefined ? {} : { lock: options.lock },
  });
  vault.useDataKey(keyId, key);
  return keyId;
}
