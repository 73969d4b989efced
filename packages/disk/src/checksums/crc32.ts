function tableOf(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let rest = byte;
    for (let bit = 0; bit < 8; bit += 1) rest = (rest & 1) === 0 ? rest >>> 1 : (rest >>> 1) ^ polynomial;
    return rest;
  });
}

const ieee = tableOf(0xedb88320);
const castagnoli = tableOf(0x82f63b78);

function add(table: Uint32Array, state: number, bytes: Uint8Array): number {
  let crc = state;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
  return crc >>> 0;
}

/** The CRC of GPT, gzip and Ethernet. */
export function crc32(bytes: Uint8Array): number {
  return ~add(ieee, 0xffffffff, bytes) >>> 0;
}

/** Goes on with a CRC-32, which is not inverted at the end: the way of LVM. */
export function addCrc32(state: number, bytes: Uint8Array): number {
  return add(ieee, state, bytes);
}

/** Goes on with a CRC-32C, which starts with all ones and is not inverted at the end: the way of ext4. */
export function addCrc32c(state: number, bytes: Uint8Array): number {
  return add(castagnoli, state, bytes);
}
