import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { fromHex } from '../bytes.ts';
import { StoredBytesDamagedError } from '../errors.ts';
import type { VaultId } from '../ids.ts';
import type { Codec } from './frame-codec.ts';
import { releaseBytes } from './release-bytes.ts';
import { frameOverheadBytes, maxFrameNumber, tagBytes, type FrameKind } from './frame.ts';

const kindCodes: Readonly<Record<FrameKind, number>> = { chunk: 1, page: 2, directory: 3, root: 4 };

export interface OpenedFrame {
  readonly codec: number;
  readonly payload: Uint8Array;
}

/**
 * Encrypts and decrypts the frames of one object.
 *
 * The nonce is the frame number, so a number must never be used for two contents under one object's id: an object
 * that is stored again is sealed again under a new id. The additional data binds a frame to its vault, its object,
 * its number and its kind, so a frame cannot be moved.
 * @see docs/format.md section 4
 */
export class FrameCipher {
  readonly #key: KeyObject;
  readonly #nonce = Buffer.alloc(12);
  readonly #additional: Buffer;

  /** @param objectId - 16 bytes in hexadecimal: a pack id, or the id that a root uses instead. */
  constructor(objectKey: Uint8Array, vaultId: VaultId, objectId: string) {
    this.#key = createSecretKey(objectKey);
    this.#additional = Buffer.concat([
      Buffer.from('HF1\0', 'latin1'),
      fromHex(vaultId),
      fromHex(objectId),
      Buffer.alloc(6),
    ]);
  }

  /**
   * Writes the encrypted frame at an offset of a buffer. `payload` may lie in the same buffer: it is read first.
   * @returns its length: `payload.length` + 17.
   */
  seal(
    kind: FrameKind,
    frame: number,
    codec: Codec,
    payload: Uint8Array,
    into: Uint8Array,
    at: number,
  ): number {
    this.#aim(kind, frame);
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonce);
    cipher.setAAD(this.#additional);
    const first = cipher.update(Buffer.of(codec));
    const body = cipher.update(payload);
    cipher.final();
    into.set(first, at);
    into.set(body, at + 1);
    releaseBytes(body);
    into.set(cipher.getAuthTag(), at + 1 + payload.length);
    return payload.length + frameOverheadBytes;
  }

  /** @throws {@link StoredBytesDamagedError} the frame does not authenticate. */
  open(kind: FrameKind, frame: number, stored: Uint8Array, objectName: string): OpenedFrame {
    if (stored.length < frameOverheadBytes || frame > maxFrameNumber) {
      throw new StoredBytesDamagedError(objectName, `frame ${frame} cannot have ${stored.length} bytes`);
    }
    this.#aim(kind, frame);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonce);
    decipher.setAAD(this.#additional);
    decipher.setAuthTag(stored.subarray(stored.length - tagBytes));
    const plain = decipher.update(stored.subarray(0, stored.length - tagBytes));
    try {
      decipher.final();
    } catch (error) {
      throw new StoredBytesDamagedError(objectName, `frame ${frame} does not authenticate as a ${kind}`, {
        cause: error,
      });
    }
    return { codec: plain[0] as number, payload: plain.subarray(1) };
  }

  #aim(kind: FrameKind, frame: number): void {
    this.#nonce.writeUInt32BE(frame, 8);
    this.#additional[3] = kindCodes[kind];
    this.#additional.writeUInt32BE(frame, 36);
  }
}
