import * as z from 'zod';
import { utf8 } from '../bytes.ts';
import { StoredBytesDamagedError } from '../errors.ts';
import type { KeyId, PackId } from '../ids.ts';
import { parseVaultJson } from '../keys/parse-vault-json.ts';

const hex32 = z.string().regex(/^[0-9a-f]{32}$/);
const count = z.int().nonnegative();

/** Where a container's writer stands between two segments. Plain JSON; holds nothing secret. */
export const ContainerState = z.object({
  formatVersion: z.literal(1),
  packId: hex32.transform((text) => text as PackId),
  keyId: hex32.transform((text) => text as KeyId),
  partBytes: count,
  /** Bytes of the container so far, those not uploaded yet included. */
  position: count,
  nextFrame: count,
  previousFooter: count,
  upload: z.object({
    name: z.string(),
    uploadId: z.string(),
    parts: z
      .array(z.object({ number: count, etag: z.string(), bytes: count, sha256: z.string() }))
      .readonly(),
  }),
});
export type ContainerState = z.infer<typeof ContainerState>;

/** A container's writer at rest. */
export interface SuspendedContainer {
  readonly state: ContainerState;
  /** Encrypted bytes that are less than a part. */
  readonly carry: Uint8Array;
}

/** A suspended container as bytes, for the work bucket: length of the state as u32 ‖ state as JSON ‖ carry. */
export function encodeSuspended({ state, carry }: SuspendedContainer): Uint8Array {
  const json = utf8(JSON.stringify(state));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, carry]);
}

/** @throws {@link StoredBytesDamagedError} the bytes are not a suspended container. */
export function decodeSuspended(bytes: Uint8Array, objectName: string): SuspendedContainer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = bytes.length < 4 ? Infinity : view.getUint32(0);
  if (4 + length > bytes.length) throw new StoredBytesDamagedError(objectName, 'it ends early');
  const state = parseVaultJson(ContainerState, bytes.subarray(4, 4 + length), objectName);
  const carry = new Uint8Array(bytes.subarray(4 + length));
  const uploaded = state.upload.parts.reduce((sum, part) => sum + part.bytes, 0);
  if (uploaded + carry.length !== state.position) {
    throw new StoredBytesDamagedError(
      objectName,
      `it accounts for ${uploaded + carry.length} of ${state.position} bytes`,
    );
  }
  return { state, carry };
}
