import { isZero } from '../bytes.ts';
import { InvalidInputError } from '../errors.ts';
import type { CutRule } from './cut-rule.ts';
import { makeGearTable } from './gear-table.ts';

export interface ChunkingPolicy {
  /** No chunk is shorter, except the last of its content. At least 64. */
  readonly minBytes: number;
  /** A power of two from 256 to 2^28; cuts become 16 times as likely beyond it. */
  readonly averageBytes: number;
  /** At most 8 MiB: the largest chunk that the format knows. */
  readonly maxBytes: number;
}

/**
 * About 1.2 MiB on average. Smaller chunks would find a little more that is stored already, and would cost more in
 * index items and manifest entries than they save in storage.
 */
export const defaultChunkingPolicy: ChunkingPolicy = {
  minBytes: 256 * 1024,
  averageBytes: 1024 * 1024,
  maxBytes: 4 * 1024 * 1024,
};

/** The largest chunk that the format allows, whatever cut it. */
const formatMaxChunkBytes = 8 * 1024 * 1024;

/** Bytes that a 32-bit gear hash remembers: older ones have been shifted out. */
export const windowBytes = 32;
/** True where the first byte of a word in memory is its lowest: on nearly every machine. */
const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
/** Made for the first content that may be cut: that takes milliseconds, and most runs see none. */
let gearTable: Int32Array | undefined;

/**
 * FastCDC with normalised chunking: a chunk ends where the gear hash of the last 32 bytes has enough leading zeros,
 * four times less likely than the average asks for below `averageBytes` and four times more likely above it, so that
 * sizes gather around the average.
 * @throws {@link InvalidInputError} sizes that do not fit each other.
 * @see docs/format.md section 8; Xia et al., "FastCDC", USENIX ATC 2016
 */
export function contentDefinedCuts(policy: ChunkingPolicy = defaultChunkingPolicy): CutRule {
  const { minBytes, averageBytes, maxBytes } = policy;
  const bits = Math.log2(averageBytes);
  if (!Number.isInteger(bits) || bits < 8 || bits > 28) {
    throw new InvalidInputError(`averageBytes ${averageBytes} is not a power of two from 256 to 2^28`);
  }
  if (!(minBytes >= 2 * windowBytes && minBytes <= averageBytes && averageBytes <= maxBytes)) {
    throw new InvalidInputError(
      `chunk sizes ${minBytes}, ${averageBytes}, ${maxBytes} must ascend from at least ${2 * windowBytes}`,
    );
  }
  if (maxBytes > formatMaxChunkBytes) {
    throw new InvalidInputError(`maxBytes ${maxBytes} is above the format's ${formatMaxChunkBytes}`);
  }
  const { strict, loose } = cutMasks(policy);
  return {
    maxBytes,
    findCut(bytes, start, end, tested) {
      const available = Math.min(end - start, maxBytes);
      const first = Math.max(tested + 1, minBytes);
      const middle = Math.min(available, averageBytes);
      let last = scanForZeros(bytes, start + first - 1, start + middle, strict);
      if (last < 0)
        last = scanForZeros(bytes, start + Math.max(first, averageBytes + 1) - 1, start + available, loose);
      if (last >= 0) return last + 1 - start;
      return available === maxBytes ? maxBytes : 0;
    },
  };
}

/** Bits of the hash that are zero where a chunk ends: below the average, and beyond it. */
export function cutMasks({ averageBytes }: ChunkingPolicy): {
  readonly strict: number;
  readonly loose: number;
} {
  const bits = Math.log2(averageBytes);
  return { strict: leadingBits(bits + 2), loose: leadingBits(bits - 2) };
}

function leadingBits(count: number): number {
  return -1 << (32 - count);
}

/**
 * Index of the first byte in [from, to) at which the gear hash has no bit of `mask`, or -1.
 * `from` is at least 31: the hash is warmed up with the bytes before it.
 */
export function scanForZeros(bytes: Uint8Array, from: number, to: number, mask: number): number {
  if (from >= to) return -1;
  const gear = (gearTable ??= makeGearTable());
  // Images and databases have long runs of zeros, at whose hash no chunk ends: comparing is faster than hashing.
  if ((-gear[0]! & mask) !== 0 && isZero(bytes.subarray(from - windowBytes + 1, to))) return -1;
  let h = 0;
  let i = from - windowBytes + 1;
  for (; i < from; i++) h = ((h << 1) + gear[bytes[i] as number]!) | 0;
  const wordsFrom = isLittleEndian ? Math.min(to, i + (-(bytes.byteOffset + i) & 3)) : to;
  for (; i < wordsFrom; i++) {
    h = ((h << 1) + gear[bytes[i] as number]!) | 0;
    if ((h & mask) === 0) return i;
  }
  // Four bytes are read at once, and tested only after all four are hashed: 1.7 times as fast as byte by byte.
  const count = (to - i) >> 2;
  const words = new Int32Array(bytes.buffer, count === 0 ? 0 : bytes.byteOffset + i, count);
  for (let at = 0; at < count; at++) {
    const word = words[at] as number;
    const a = ((h << 1) + gear[word & 0xff]!) | 0;
    const b = ((a << 1) + gear[(word >>> 8) & 0xff]!) | 0;
    const c = ((b << 1) + gear[(word >>> 16) & 0xff]!) | 0;
    h = ((c << 1) + gear[word >>> 24]!) | 0;
    if ((a & mask) === 0) return i + 4 * at;
    if ((b & mask) === 0) return i + 4 * at + 1;
    if ((c & mask) === 0) return i + 4 * at + 2;
    if ((h & mask) === 0) return i + 4 * at + 3;
  }
  for (i += 4 * count; i < to; i++) {
    h = ((h << 1) + gear[bytes[i] as number]!) | 0;
    if ((h & mask) === 0) return i;
  }
  return -1;
}
