function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** The number by which names are found in directories and attributes: 7 bits for each byte, round and round. */
export function hashXfsName(name: Uint8Array): number {
  let hash = 0;
  for (const byte of name) hash = byte ^ rotate(hash, 7);
  return hash >>> 0;
}
