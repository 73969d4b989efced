import { VaultMissingError } from '../errors.ts';
import { formatFileName, keyName } from '../packs/object-names.ts';
import type { ObjectLock, ObjectStore } from '../ports/object-store.ts';
import { findFormatFile } from './format-file.ts';
import { listKeyFiles } from './key-files.ts';

/**
 * Moves the locks of `format.json` and of the vault's keys to at least a date. Every run calls it with its lease date
 * before it leases anything, so that no pack is ever kept longer than the keys that open it.
 * Costs one listing and two requests a key. Repeatable.
 * @returns how many locks were moved.
 * @throws {@link VaultMissingError} the bucket holds no vault.
 */
export async function ensureVaultLocks(store: ObjectStore, lock: ObjectLock): Promise<number> {
  const format = await findFormatFile(store);
  if (format === undefined) throw new VaultMissingError();
  const names = [formatFileName];
  for await (const { keyId, file } of listKeyFiles(store)) {
    // A file that does not parse might still be a key that somebody can repair; another vault's is nobody's.
    if (file instanceof Error || file.vaultId === format.vaultId) names.push(keyName(keyId));
  }
  let moved = 0;
  for (const name of names) {
    const { versionId, lock: present } = await store.head(name);
    if (present !== undefined && present.until >= lock.until) continue;
    await store.extendLock(name, versionId, lock);
    moved++;
  }
  return moved;
}
