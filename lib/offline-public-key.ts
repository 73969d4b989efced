import { createPublicKey, type KeyObject } from 'node:crypto';

/** As the engine demands of an offline recipient (packages/engine/src/keys/rsa-key.ts), so that synth says it first. */
const LEAST_BITS = 3072;

/** A key cannot be an offline recipient's; the message says why and what to do. */
export class OfflinePublicKeyError extends Error {
  override readonly name = 'OfflinePublicKeyError';
}

/**
 * The public key of an offline recipient as functions are told it: base64 of its DER.
 * @param pem - what `openssl pkey -pubout` writes.
 * @throws {@link OfflinePublicKeyError} it is a private key, no RSA key, or has less than 3,072 bits.
 */
export function readOfflinePublicKey(pem: string): string {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw new OfflinePublicKeyError(
      'is a PRIVATE key: keep it offline, and write what "openssl pkey -pubout" makes of it',
    );
  }
  const key = parsePublicKey(pem);
  if (key.asymmetricKeyType !== 'rsa')
    throw new OfflinePublicKeyError(`is of the type ${key.asymmetricKeyType}; write an RSA key`);
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < LEAST_BITS)
    throw new OfflinePublicKeyError(`has ${bits} bits, less than ${LEAST_BITS}; make a larger key`);
  return key.export({ type: 'spki', format: 'der' }).toString('base64');
}

function parsePublicKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (error) {
    throw new OfflinePublicKeyError('is no public key in PEM; write what "openssl pkey -pubout" prints', {
      cause: error,
    });
  }
}
