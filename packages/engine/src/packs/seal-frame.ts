import { equalBytes } from '../bytes.ts';
import { StoredBytesDamagedError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import type { FrameCipher } from './frame-cipher.ts';
import { decodeContent, encodeContent, type CompressionPolicy } from './frame-codec.ts';
import type { FrameKind } from './frame.ts';
import { releaseBytes } from './release-bytes.ts';

export interface SealingContext {
  readonly cipher: FrameCipher;
  readonly packId: PackId;
  readonly compression: CompressionPolicy;
}

/**
 * Compresses and encrypts a content into a buffer, then reads it back and compares: nothing is uploaded that the writer
 * could not decode itself. The buffer needs room for `plain.length` + 17 bytes.
 * @returns the frame's stored length.
 * @throws {@link StoredBytesDamagedError} the sealed frame does not decode to the content: broken memory.
 */
export function sealFrame(
  { cipher, packId, compression }: SealingContext,
  kind: FrameKind,
  frame: number,
  plain: Uint8Array,
  into: Uint8Array,
  at: number,
): number {
  const { codec, payload } = encodeContent(plain, compression);
  const length = cipher.seal(kind, frame, codec, payload, into, at);
  if (codec === 1) releaseBytes(payload);
  const opened = cipher.open(kind, frame, into.subarray(at, at + length), packId);
  const decoded = decodeContent(opened.codec, opened.payload, plain.length, packId);
  const isSame = equalBytes(decoded, plain);
  releaseBytes(opened.payload);
  releaseBytes(decoded);
  if (!isSame)
    throw new StoredBytesDamagedError(packId, `frame ${frame} does not decode to what was written`);
  return length;
}
