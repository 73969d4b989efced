import { VaultMissingError } from '../errors.ts';
import { formatFileName } from '../packs/object-names.ts';
import type { ObjectLock, ObjectStore } from '../ports/object-store.ts';
import { findFormatFile } from './format-file.ts';
import { listKeyFiles } from './key-files.ts';

/**
 * Moves the locks of `format.json` and of the vault's keys to at least a date. Every run calls it with its lease date
 * before it leases anything, so that no pack is ever kept longer than the keys that open it.
 * Costs one listing and two requests a key. Repeatable.
 * @param moveTo - where a lock that has to be moved goes: later than needed, so that the next run finds it long enough.
 * @returns how many locks were moved.
 * @throws {@link VaultMissingError} the bucket holds no vault.
 */
export async function ensureVaultLocks(
  store: ObjectStore,
  lock: ObjectLock,
  moveTo: Date = lock.until,
): Promise<number> {
  const format = await findFormatFile(store);
  if (format === undefined) throw new VaultMissingError();
  const names = [formatFileName];
  for await (const { name, file } of listKeyFiles(store)) {
    // A file that does not parse might still be a key that somebody can repair; another vault's is nobody's.
    if (file instanceof Error || file.vaultId === format.vaultId) names.push(name);
  }
  let moved = 0;
  for (const name of names) {
    const { versionId, lock: present } = await store.head(name);
    if (present !== undefined && present.until >= lock.until) continue;
    await store.extendLock(name, versionId, { mode: lock.mode, until: moveTo });
    moved++;
  }
  return moved;
}
