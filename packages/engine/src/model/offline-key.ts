import { createPublicKey, type KeyObject } from 'node:crypto';

/** Bits that protect a key for decades. */
const leastBits = 3072;

const remedy = 'make one with "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096"';

/** Says why a key cannot be an offline recipient's, in words that follow the key's name; `undefined` if it can. */
export function findRsaProblem({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  if (asymmetricKeyType !== 'rsa') return `is of the type ${asymmetricKeyType}, not rsa; ${remedy}`;
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  return bits < leastBits ? `has ${bits} bits, less than ${leastBits}; ${remedy}` : undefined;
}

/**
 * Reads the public key of an offline recipient. A private key is refused: it has to stay where no deployment is.
 * @param text - PEM as `openssl pkey -pubout` writes it, or the base64 between its lines.
 * @returns the key, or why it cannot be one, in words that follow the key's name.
 */
export function parseOfflinePublicKey(
  text: string,
): { readonly key: KeyObject } | { readonly problem: string } {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    return {
      problem: 'is a PRIVATE key; keep it offline, and give what "openssl pkey -pubout" makes of it',
    };
  }
  let key: KeyObject;
  try {
    key = text.includes('-----BEGIN')
      ? createPublicKey(text)
      : createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
  } catch {
    return { problem: 'is no public key in PEM; give what "openssl pkey -pubout" writes' };
  }
  const problem = findRsaProblem(key);
  return problem === undefined ? { key } : { problem };
}
