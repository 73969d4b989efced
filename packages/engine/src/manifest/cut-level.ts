import { createKeyedHash } from '../keys/keyed-hash.ts';

/** No key closes a page of this level, so no tree is higher. */
export const maxCutLevel = 7;

const bitsPerInnerLevel = 7;

/**
 * Makes the function that says how many pages, from its leaf upwards, a key is the last key of.
 * It depends on the key and a secret alone, so nobody can choose names that make pages large, and a changed value
 * moves no boundary.
 * @param leafBitsOf - lowest bits of the hash that are zero for a key that closes its leaf.
 * @see docs/format.md, section 5
 */
export function createCutLevel(
  pageBoundaryKey: Uint8Array,
  leafBitsOf: (key: Uint8Array) => number,
): (key: Uint8Array) => number {
  const keyedHash = createKeyedHash(pageBoundaryKey);
  return (key) => {
    const hash = keyedHash(key);
    const zeros = trailingZeros(
      Number.parseInt(hash.slice(0, 8), 16),
      Number.parseInt(hash.slice(8, 16), 16),
    );
    const leafBits = leafBitsOf(key);
    return zeros < leafBits
      ? 0
      : Math.min(maxCutLevel, 1 + Math.floor((zeros - leafBits) / bitsPerInnerLevel));
  };
}

function trailingZeros(high: number, low: number): number {
  if (low !== 0) return 31 - Math.clz32(low & -low);
  return high === 0 ? 64 : 63 - Math.clz32(high & -high);
}
