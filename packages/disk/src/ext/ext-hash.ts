/** Hashes by which directories are indexed; the kernel's `fs/ext4/hash.c`. */
type HashVersion = 'legacy' | 'half-md4' | 'tea';

const versions: readonly HashVersion[] = ['legacy', 'half-md4', 'tea'];
const defaultSeed = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
/** The largest hash stands for the end of a directory. */
const endOfDirectory = 0xfffffffe;

export interface NameHash {
  readonly version: HashVersion;
  /** Bytes of a name count as -128 to 127, as on the machine that made the file system. */
  readonly signed: boolean;
  readonly seed: readonly number[];
}

/** @returns `undefined` if the index is of a version that is not known here. */
export function nameHashOf(
  version: number,
  unsigned: boolean,
  seed: readonly number[],
): NameHash | undefined {
  const named = versions[version % 3];
  if (named === undefined || version >= 6) return undefined;
  return {
    version: named,
    signed: version < 3 && !unsigned,
    seed: seed.some((word) => word !== 0) ? seed : defaultSeed,
  };
}

/** The hash of a name; its lowest bit is 0. */
export function hashName(name: Uint8Array, how: NameHash): number {
  const hash = (raw(name, how) & ~1) >>> 0;
  return hash === endOfDirectory ? endOfDirectory - 2 : hash;
}

function raw(name: Uint8Array, { version, signed, seed }: NameHash): number {
  const bytes = signed ? new Int8Array(name) : name;
  if (version === 'legacy') return legacy(bytes);
  const state = Uint32Array.from(seed);
  const step = version === 'tea' ? 16 : 32;
  for (let at = 0; at < bytes.length; at += step) {
    const words = wordsOf(bytes.subarray(at), step / 4);
    if (version === 'tea') mixTea(state, words);
    else mixHalfMd4(state, words);
  }
  return state[version === 'tea' ? 0 : 1] ?? 0;
}

function legacy(bytes: Int8Array | Uint8Array): number {
  let one = 0x12a3fe2d;
  let other = 0x37abe8f9;
  for (const byte of bytes) {
    let hash = (other + (one ^ Math.imul(byte, 7152373))) >>> 0;
    if ((hash & 0x80000000) !== 0) hash = (hash - 0x7fffffff) >>> 0;
    other = one;
    one = hash;
  }
  return (one << 1) >>> 0;
}

/** The beginning of a name as words, filled up with its whole remaining length. */
function wordsOf(bytes: Int8Array | Uint8Array, count: number): Uint32Array {
  const length = bytes.length & 0xff;
  const pad = Math.imul(length, 0x01010101) >>> 0;
  const words = new Uint32Array(count).fill(pad);
  const used = Math.min(bytes.length, count * 4);
  for (let at = 0; at < used; at += 4) {
    let word = pad;
    for (const byte of bytes.subarray(at, Math.min(at + 4, used))) word = (byte + (word << 8)) >>> 0;
    words[at / 4] = word;
  }
  return words;
}

const rounds = [
  { add: 0, order: [0, 1, 2, 3, 4, 5, 6, 7], turns: [3, 7, 11, 19] },
  { add: 0x5a827999, order: [1, 3, 5, 7, 0, 2, 4, 6], turns: [3, 5, 9, 13] },
  { add: 0x6ed9eba1, order: [3, 7, 2, 6, 1, 5, 0, 4], turns: [3, 9, 11, 15] },
] as const;

const functions = [
  (x: number, y: number, z: number): number => z ^ (x & (y ^ z)),
  (x: number, y: number, z: number): number => (x & y) + ((x ^ y) & z),
  (x: number, y: number, z: number): number => x ^ y ^ z,
] as const;

function mixHalfMd4(state: Uint32Array, words: Uint32Array): void {
  let [a = 0, b = 0, c = 0, d = 0] = state;
  for (const [round, { add, order, turns }] of rounds.entries()) {
    const mix = functions[round] ?? functions[0];
    for (const [step, at] of order.entries()) {
      const sum = (a + mix(b, c, d) + (words[at] ?? 0) + add) >>> 0;
      const turn = turns[step % 4] ?? 0;
      const turned = ((sum << turn) | (sum >>> (32 - turn))) >>> 0;
      [a, b, c, d] = [d, turned, b, c];
    }
  }
  for (const [at, word] of [a, b, c, d].entries()) state[at] = (state[at] ?? 0) + word;
}

function mixTea(state: Uint32Array, [a = 0, b = 0, c = 0, d = 0]: Uint32Array): void {
  let [one = 0, other = 0] = state;
  let sum = 0;
  for (let round = 0; round < 16; round += 1) {
    sum = (sum + 0x9e3779b9) >>> 0;
    one = (one + (((other << 4) + a) ^ (other + sum) ^ ((other >>> 5) + b))) >>> 0;
    other = (other + (((one << 4) + c) ^ (one + sum) ^ ((one >>> 5) + d))) >>> 0;
  }
  state[0] = (state[0] ?? 0) + one;
  state[1] = (state[1] ?? 0) + other;
}
