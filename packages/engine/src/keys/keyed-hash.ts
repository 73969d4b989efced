import { hash } from 'node:crypto';

/** Sizes of the blocks that SHA-256 works on, and of its hashes. */
const blockBytes = 64;
const hashBytes = 32;

/**
 * HMAC-SHA-256 under one key of at most 64 bytes, in hexadecimal.
 *
 * Made of two calls of the one-shot hash: an object of `createHmac` for each of the millions of names of a backup
 * takes twice as long, and is left to the garbage collector.
 * @see RFC 2104, section 2
 */
export function createKeyedHash(key: Uint8Array): (message: Uint8Array) => string {
  const outer = paddedKey(key, 0x5c, hashBytes);
  let inner = paddedKey(key, 0x36, hashBytes);
  return (message) => {
    const bytes = blockBytes + message.length;
    if (bytes > inner.length) inner = paddedKey(key, 0x36, 2 * message.length);
    inner.set(message, blockBytes);
    outer.write(hash('sha256', inner.subarray(0, bytes), 'binary'), blockBytes, 'latin1');
    return hash('sha256', outer, 'hex');
  };
}

/** A key's first block, with room for what is hashed after it. */
function paddedKey(key: Uint8Array, pad: number, room: number): Buffer {
  const padded = Buffer.alloc(blockBytes + room);
  padded.fill(pad, 0, blockBytes);
  for (const [at, byte] of key.entries()) padded[at] = byte ^ pad;
  return padded;
}
