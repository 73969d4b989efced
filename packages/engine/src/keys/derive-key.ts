import { hkdfSync, type KeyObject } from 'node:crypto';

/** The use of a derived key: the `info` of its derivation. */
export type KeyUse = 'chunk id' | 'page id' | 'page boundary' | 'object' | 'file';

/**
 * Derives a 32-byte key for one use, by HKDF-SHA-256.
 * @param inputKey - not its bytes: with those, Node throws and catches an error of its own at every call.
 * @param salt - 16 bytes: the vault id, or the object's id for an object key.
 * @see docs/format.md section 2
 */
export function deriveKey(inputKey: KeyObject, salt: Uint8Array, use: KeyUse): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', inputKey, salt, `holdfast/1 ${use}`, 32));
}
