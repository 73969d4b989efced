import { createHash } from 'node:crypto';
import * as z from 'zod';
import { StoredBytesDamagedError } from '../errors.ts';
import type { KeyId, PackId } from '../ids.ts';

const hex32 = z.string().regex(/^[0-9a-f]{32}$/);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();

const Upload = z.object({
  name: z.string(),
  uploadId: z.string(),
  parts: z.array(z.object({ number: count, etag: z.string(), bytes: count, sha256: z.string() })).readonly(),
});

/** State of a container's writer between two segments. Plain JSON; holds nothing secret. */
export const ContainerState = z.object({
  formatVersion: z.literal(1),
  packId: hex32.transform((text) => text as PackId),
  keyId: hex32.transform((text) => text as KeyId),
  partBytes: z.int().positive(),
  /** Bytes of the container so far, including those not uploaded yet. */
  position: count,
  nextFrame: count,
  previousFooter: count,
  upload: Upload,
  /** Hash of the bytes that are not uploaded yet. */
  carrySha256: sha256,
});
export type ContainerState = z.infer<typeof ContainerState>;

export interface SuspendedContainer {
  readonly state: ContainerState;
  /** Encrypted bytes, less than a part. */
  readonly carry: Uint8Array;
}

/** A container with all bytes uploaded, whose upload has to be completed. Plain JSON. */
export const SealedContainer = z.object({
  packId: hex32.transform((text) => text as PackId),
  upload: Upload,
});
export type SealedContainer = z.infer<typeof SealedContainer>;

/**
 * Hands on the bytes that a suspended writer had not uploaded, in pieces.
 * @throws {@link StoredBytesDamagedError} after the last piece: they are not those bytes.
 */
export async function* checkCarry(
  { upload, position, carrySha256 }: ContainerState,
  carry: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = upload.parts.reduce((sum, part) => sum + part.bytes, 0);
  for await (const piece of carry) {
    hash.update(piece);
    bytes += piece.length;
    if (bytes > position) break;
    yield piece;
  }
  if (bytes !== position || hash.digest('hex') !== carrySha256) {
    throw new StoredBytesDamagedError(upload.name, `${bytes} of ${position} bytes are accounted for`);
  }
}
