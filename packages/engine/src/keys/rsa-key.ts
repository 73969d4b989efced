import { createHash, type KeyObject } from 'node:crypto';
import { utf8 } from '../bytes.ts';
import { InvalidInputError } from '../errors.ts';
import type { KeyContext } from '../ports/keyring.ts';

/** The name of an offline recipient in `keys/`. */
export const offlineRecipientName = 'offline';

/** What protects a key for decades. Bits. */
const leastBits = 3072;

/** 16 hexadecimal digits that tell RSA keys apart: of the SHA-256 of the public key as SubjectPublicKeyInfo in DER. */
export function rsaFingerprint(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);
}

/** How a wrapped key names the RSA key that wrapped it. */
export function rsaKeyText(fingerprint: string): string {
  return `RSA key with fingerprint ${fingerprint}`;
}

/** What a wrapped key is bound to: the label of RSA-OAEP. */
export function oaepLabel({ vaultId, keyId, purpose }: KeyContext): Uint8Array {
  return utf8(`holdfast/1 offline key ${vaultId} ${keyId} ${purpose}`);
}

/**
 * Checks that a key can be an offline recipient's.
 * @throws {@link InvalidInputError} it is not RSA, or has less than 3,072 bits.
 */
export function checkRsaKey(key: KeyObject): void {
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  const remedy = `make one with "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096"`;
  if (asymmetricKeyType !== 'rsa')
    throw new InvalidInputError(`the offline key is of the type ${asymmetricKeyType}, not rsa; ${remedy}`);
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < leastBits)
    throw new InvalidInputError(`the offline key has ${bits} bits, less than ${leastBits}; ${remedy}`);
}
