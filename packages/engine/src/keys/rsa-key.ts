import { createHash, type KeyObject } from 'node:crypto';
import { utf8 } from '../bytes.ts';
import type { KeyContext } from '../ports/keyring.ts';

/** The name of an offline recipient in `keys/`. */
export const offlineRecipientName = 'offline';

/** 16 hexadecimal digits that tell RSA keys apart: of the SHA-256 of the public key as SubjectPublicKeyInfo in DER. */
export function rsaFingerprint(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);
}

/** The name of an RSA key in the keys that it wrapped. */
export function rsaKeyText(fingerprint: string): string {
  return `RSA key with fingerprint ${fingerprint}`;
}

/** The label of RSA-OAEP: binds a wrapped key to its vault, id and purpose. */
export function oaepLabel({ vaultId, keyId, purpose }: KeyContext): Uint8Array {
  return utf8(`holdfast/1 offline key ${vaultId} ${keyId} ${purpose}`);
}
