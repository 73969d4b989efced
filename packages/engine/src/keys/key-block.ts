import * as z from 'zod';
import { utf8, fromUtf8 } from '../bytes.ts';
import { StoredBytesDamagedError, VaultMissingError } from '../errors.ts';
import type { KeyId, VaultId } from '../ids.ts';
import { formatFileName, keyPrefix, parseObjectName } from '../packs/object-names.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { findFormatFile } from './format-file.ts';
import { listKeyNames } from './key-files.ts';
import { parseVaultJson } from './parse-vault-json.ts';
import type { DataKey } from './vault-keys.ts';

/** Copies of files of the vault, as text, so that a container can be opened without the rest of its vault. */
const KeyBlock = z.object({ formatVersion: z.literal(1), files: z.record(z.string(), z.string()) });

/**
 * Collects the key block of a container: `format.json`, and all files of the keys that its frames need, which are its
 * data key and the id keys. Sealed with the data key.
 * @throws {@link VaultMissingError} the store has no `format.json`.
 * @see docs/format.md section 4
 */
export async function collectKeyBlock(
  store: ObjectStore,
  vaultId: VaultId,
  dataKey: DataKey,
): Promise<Uint8Array> {
  const format = await findFormatFile(store);
  if (format === undefined) throw new VaultMissingError();
  const names = [formatFileName];
  const keyIds = new Set<KeyId>([...Object.values(format.idKeys), dataKey.keyId]);
  for (const keyId of [...keyIds].sort())
    for await (const name of listKeyNames(store, keyPrefix(keyId))) names.push(name);
  const files: Record<string, string> = {};
  for (const name of names) files[name] = fromUtf8(await store.get(name));
  return dataKey.sealJson({ formatVersion: 1, files }, vaultId);
}

/**
 * The files in a key block, by their names in the vault. Not authenticated yet: that takes a key out of it.
 * @throws {@link StoredBytesDamagedError} the bytes are no key block.
 */
export function readKeyBlock(bytes: Uint8Array, objectName: string): ReadonlyMap<string, Uint8Array> {
  const { files } = parseVaultJson(KeyBlock, bytes, objectName);
  const found = new Map<string, Uint8Array>();
  for (const [name, text] of Object.entries(files)) {
    const kind = parseObjectName(name)?.kind;
    if (kind !== 'format' && kind !== 'key')
      throw new StoredBytesDamagedError(objectName, `its key block has a file ${JSON.stringify(name)}`);
    found.set(name, utf8(text));
  }
  return found;
}
