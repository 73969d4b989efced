import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { StoredBytesDamagedError } from '../errors.ts';
import type { CompressionLevel } from '../model/compression.ts';
import { releaseBytes } from './release-bytes.ts';

export interface CompressionPolicy {
  /** zstd level, 1 to 19. */
  readonly level: number;
  /** Smallest share that compression has to save; otherwise the content is stored as it is. */
  readonly minSaving: number;
  /** Contents from this size on are probed before they are compressed. Bytes. */
  readonly probeFromBytes: number;
}

const sharedPolicy = { minSaving: 0.03, probeFromBytes: 128 * 1024 };

/**
 * `default` is, on text and programs, several times as fast as a worker's network. Beyond level 9, a percent less takes
 * half as long again.
 */
export const compressionPolicies: Readonly<Record<CompressionLevel, CompressionPolicy>> = {
  fast: { level: 1, ...sharedPolicy },
  default: { level: 3, ...sharedPolicy },
  max: { level: 9, ...sharedPolicy },
};

export const defaultCompressionPolicy = compressionPolicies.default;

/** Codec byte of a frame. 0: the content itself; 1: one zstd frame of it that states its content's size. */
export type Codec = 0 | 1;

/** `payload` is the content itself when the codec is 0. */
export interface Encoded {
  readonly codec: Codec;
  readonly payload: Uint8Array;
}

const probeSamples = 4;
const probeSampleBytes = 4 * 1024;

/**
 * Compresses a content if that pays.
 * A large one is judged by four samples of 4 KiB first: a file's head says little about, say, a video's body.
 */
export function encodeContent(
  plain: Uint8Array,
  policy: CompressionPolicy = defaultCompressionPolicy,
): Encoded {
  if (plain.length >= policy.probeFromBytes && !saves(samplesOf(plain), 1, policy.minSaving)) {
    return { codec: 0, payload: plain };
  }
  return saves(plain, policy.level, policy.minSaving) ?? { codec: 0, payload: plain };
}

/**
 * Decodes a frame's content. A codec of 0 gives a view of the payload.
 * @param maxBytes - refuses larger contents before anything is allocated for them.
 * @throws {@link StoredBytesDamagedError} unknown codec, too large, or not a zstd frame.
 */
export function decodeContent(
  codec: number,
  payload: Uint8Array,
  maxBytes: number,
  objectName: string,
): Uint8Array {
  const plainBytes = codec === 1 ? zstdContentBytes(payload) : codec === 0 ? payload.length : undefined;
  if (plainBytes === undefined)
    throw new StoredBytesDamagedError(objectName, 'a frame is neither plain nor zstd');
  if (plainBytes > maxBytes) {
    throw new StoredBytesDamagedError(
      objectName,
      `a frame has ${plainBytes} bytes where ${maxBytes} are the most`,
    );
  }
  if (codec === 0) return payload;
  // One byte more than is needed: a buffer that is just filled makes Node get a second one, for nothing.
  const bounded = { maxOutputLength: Math.max(plainBytes, 1), chunkSize: Math.max(plainBytes + 1, 64) };
  try {
    // Bounded by the stated size from above; zstd itself refuses a content that is shorter than stated.
    return zstdDecompressSync(payload, bounded);
  } catch (error) {
    throw new StoredBytesDamagedError(objectName, 'a frame does not decompress', { cause: error });
  }
}

function samplesOf(plain: Uint8Array): Uint8Array {
  const stride = Math.floor((plain.length - probeSampleBytes) / (probeSamples - 1));
  return Buffer.concat(
    Array.from({ length: probeSamples }, (_, index) =>
      plain.subarray(index * stride, index * stride + probeSampleBytes),
    ),
  );
}

function saves(plain: Uint8Array, level: number, minSaving: number): Encoded | undefined {
  const payload = zstdCompressSync(plain, {
    params: { [constants.ZSTD_c_compressionLevel]: level },
    // One output buffer that is always large enough, instead of a list of 16 KiB ones: up to three times as fast.
    chunkSize: plain.length + Math.ceil(plain.length / 128) + 1024,
    pledgedSrcSize: plain.length,
  });
  if (payload.length <= plain.length * (1 - minSaving)) return { codec: 1, payload };
  releaseBytes(payload);
  return undefined;
}

/** The content size in a zstd frame's header, if it is a zstd frame and states one. @see RFC 8878, section 3.1.1.1 */
function zstdContentBytes(payload: Uint8Array): number | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  if (view.byteLength < 5 || view.getUint32(0, true) !== 0xfd2f_b528) return undefined;
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] as number;
  const at = 5 + (singleSegment ? 0 : 1) + dictionaryIdBytes;
  if (at + 8 > view.byteLength) return undefined;
  switch (descriptor >>> 6) {
    case 0:
      return singleSegment ? view.getUint8(at) : undefined;
    case 1:
      return view.getUint16(at, true) + 256;
    case 2:
      return view.getUint32(at, true);
    default: {
      const size = Number(view.getBigUint64(at, true));
      return Number.isSafeInteger(size) ? size : undefined;
    }
  }
}
