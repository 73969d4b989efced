import * as z from 'zod';
import type { KeyId, VaultId } from '../ids.ts';
import { formatFileName } from '../packs/object-names.ts';
import type { ObjectStore, PutOptions } from '../ports/object-store.ts';
import { ifThere } from '../if-there.ts';
import { parseVaultJson } from './parse-vault-json.ts';
import { encodeSealedJson } from './sealed-json.ts';

const hex32 = z.string().regex(/^[0-9a-f]{32}$/);

/** `format.json`: the vault's id, and the id key of each trust domain. Never changed once it is written. */
export const FormatFile = z.object({
  formatVersion: z.literal(1),
  vaultId: hex32.transform((text) => text as VaultId),
  createdAt: z.iso.datetime(),
  idKeys: z.record(
    z.string(),
    hex32.transform((text) => text as KeyId),
  ),
});
export type FormatFile = z.infer<typeof FormatFile>;

/** @returns `undefined` in a bucket without a vault. */
export async function findFormatFile(store: ObjectStore): Promise<FormatFile | undefined> {
  const bytes = await ifThere(store.get(formatFileName));
  return bytes && parseVaultJson(FormatFile, bytes, formatFileName);
}

/**
 * Claims a bucket.
 * @param idKey - the first of the keys that `idKeys` names.
 * @throws {@link ObjectExistsError} it is a vault already.
 */
export async function putFormatFile(
  store: ObjectStore,
  file: FormatFile,
  idKey: Uint8Array,
  options: PutOptions,
): Promise<void> {
  await store.put(formatFileName, encodeSealedJson(file, idKey, file.vaultId), options);
}
