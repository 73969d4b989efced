import { createHmac, createSecretKey } from 'node:crypto';

/** HMAC-SHA-256 under one key, which is prepared once. */
export function createKeyedHash(key: Uint8Array): (message: Uint8Array) => Buffer {
  const secret = createSecretKey(key);
  return (message) => createHmac('sha256', secret).update(message).digest();
}
