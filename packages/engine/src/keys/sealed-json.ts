import { createHmac, createSecretKey } from 'node:crypto';
import { fromHex, utf8 } from '../bytes.ts';
import { StoredBytesDamagedError } from '../errors.ts';
import type { VaultId } from '../ids.ts';
import { deriveKey } from './derive-key.ts';

const macField = ',\n  "mac": "';
const macDigits = 64;
const end = '"\n}\n';

/**
 * The bytes of one of the vault's JSON files, with a MAC over all of them: whoever has the key notices every change,
 * also in fields that opening the vault does not need.
 * @param record - without `mac`; at least one field.
 * @param key - the key that the file holds; for `format.json` the id key that it names.
 * @see docs/format.md section 2
 */
export function encodeSealedJson(
  record: Readonly<Record<string, unknown>>,
  key: Uint8Array,
  vaultId: VaultId,
): Uint8Array {
  const body = utf8(JSON.stringify(record, undefined, 2).slice(0, -'\n}'.length));
  return Buffer.concat([body, utf8(`${macField}${macOf(body, key, vaultId)}${end}`)]);
}

/**
 * Checks that every byte of a file is as it was written. For verification: opening a vault does without it.
 * @throws {@link StoredBytesDamagedError} it was changed, cut off, or written by somebody without the key.
 */
export function checkSealedJson(
  bytes: Uint8Array,
  key: Uint8Array,
  vaultId: VaultId,
  objectName: string,
): void {
  const bodyBytes = bytes.length - macField.length - macDigits - end.length;
  const body = bytes.subarray(0, Math.max(0, bodyBytes));
  const expected = Buffer.from(`${macField}${macOf(body, key, vaultId)}${end}`);
  if (bodyBytes < 0 || !expected.equals(bytes.subarray(bodyBytes)))
    throw new StoredBytesDamagedError(objectName, 'it was changed after it was written');
}

function macOf(body: Uint8Array, key: Uint8Array, vaultId: VaultId): string {
  return createHmac('sha256', deriveKey(createSecretKey(key), fromHex(vaultId), 'file'))
    .update(body)
    .digest('hex');
}
