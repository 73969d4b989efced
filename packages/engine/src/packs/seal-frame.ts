import { equalBytes } from '../bytes.ts';
import { ChunkCorruptError, StoredBytesDamagedError } from '../errors.ts';
import type { ChunkId, PageId, PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { FrameCipher } from './frame-cipher.ts';
import { decodeContent, encodeContent, type CompressionPolicy } from './frame-codec.ts';
import type { FrameKind } from './frame.ts';
import { releaseBytes } from './release-bytes.ts';

export interface FrameContent {
  readonly kind: FrameKind;
  /** Absent for directories and roots, which are compared byte by byte. */
  readonly id?: ChunkId | PageId;
  readonly plain: Uint8Array;
}

export interface SealingContext {
  readonly vault: VaultKeys;
  readonly cipher: FrameCipher;
  readonly packId: PackId;
  readonly compression: CompressionPolicy;
}

/**
 * Compresses and encrypts a content into a buffer, then reads it back and compares: nothing is uploaded that the writer
 * could not decode itself. The buffer needs room for `plain.length` + 17 bytes.
 * @returns the frame's stored length.
 * @throws {@link ChunkCorruptError} the sealed frame does not decode to the id: broken memory, or the id was wrong.
 */
export function sealFrame(
  { vault, cipher, packId, compression }: SealingContext,
  frame: number,
  content: FrameContent,
  into: Uint8Array,
  at: number,
): number {
  const { kind, id, plain } = content;
  const { codec, payload } = encodeContent(plain, compression);
  const length = cipher.seal(kind, frame, codec, payload, into, at);
  if (codec === 1) releaseBytes(payload);
  const opened = cipher.open(kind, frame, into.subarray(at, at + length), packId);
  const decoded = decodeContent(opened.codec, opened.payload, plain.length, packId);
  if (kind === 'chunk' || kind === 'page') {
    const decodedId = kind === 'chunk' ? vault.chunkId(decoded) : vault.pageId(decoded);
    if (decodedId !== id) throw new ChunkCorruptError(id ?? 'without an id', packId);
  } else if (!equalBytes(decoded, plain)) {
    throw new StoredBytesDamagedError(packId, `its ${kind} did not decode to what was written`);
  }
  releaseBytes(opened.payload);
  releaseBytes(decoded);
  return length;
}
