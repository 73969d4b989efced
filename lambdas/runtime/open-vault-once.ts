import { openVault, type ReadServices, type VaultKeys } from '@holdfast/engine';

/** Gives the vault's keys of one worker: KMS is asked once in a worker's life, not once a call. */
export type OpenKeys = () => Promise<VaultKeys>;

/** Opens the vault when its keys are first asked for. A failure is not kept: the next call tries again. */
export function openVaultOnce(services: Pick<ReadServices, 'store' | 'keyring'>): OpenKeys {
  let keys: Promise<VaultKeys> | undefined;
  return async () => {
    keys ??= openVault(services);
    try {
      return await keys;
    } catch (error) {
      keys = undefined;
      throw error;
    }
  };
}
