import { hash } from 'node:crypto';

const blockBytes = 64;
const digestBytes = 32;

/**
 * Makes HMAC-SHA-256 with one key, for many short messages: the two hashes that it consists of, each with one call of
 * the library instead of an object with a state.
 * @param key - at most 64 bytes.
 * @see RFC 2104
 */
export function createKeyedHash(key: Uint8Array): (message: Uint8Array) => Buffer {
  let inner = Buffer.alloc(blockBytes + 1024, 0x36);
  const outer = Buffer.alloc(blockBytes + digestBytes, 0x5c);
  key.forEach((byte, at) => {
    inner[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  });
  return (message) => {
    const length = blockBytes + message.length;
    if (length > inner.length) inner = Buffer.concat([inner, Buffer.alloc(length)]);
    inner.set(message, blockBytes);
    outer.set(hash('sha256', inner.subarray(0, length), 'buffer'), blockBytes);
    return hash('sha256', outer, 'buffer');
  };
}
