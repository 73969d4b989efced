import { equalBytes } from '../bytes.ts';
import { InvalidInputError, StoredBytesDamagedError } from '../errors.ts';
import type { ChunkId, PackId, PageId } from '../ids.ts';
import type { DataKey, VaultKeys } from '../keys/vault-keys.ts';
import { FrameCipher } from './frame-cipher.ts';
import { defaultCompressionPolicy, type Codec, type CompressionPolicy } from './frame-codec.ts';
import { frameOverheadBytes } from './frame.ts';
import {
  encodeDirectory,
  maxEntryBytes,
  type DirectoryEntry,
  type ListedFrameKind,
} from './pack-directory.ts';
import { footerBytes, headerBytes, writeFooter, writeHeader, type PackKind } from './pack-layout.ts';
import { sealFrame } from './seal-frame.ts';

/** Most frames that a writer puts into one pack or segment, so that its directory stays below 1 MiB. */
export const maxFramesPerSegment = 16_384;

/** Bytes that the end of a pack takes at most: the directory of `frames` frames, and the footer. */
export function maxEndBytes(frames: number): number {
  return frames * maxEntryBytes + 27 + frameOverheadBytes + footerBytes;
}

/** A frame's place in its object, whatever name the object gets in the end. */
export interface FramePosition {
  readonly frame: number;
  readonly offset: number;
  readonly length: number;
}

export interface PackBuilderOptions {
  readonly kind: Exclude<PackKind, 'container'>;
  readonly vault: VaultKeys;
  readonly dataKey: DataKey;
  readonly packId: PackId;
  /** The builder owns it, and replaces it by a larger one only if a frame does not fit. */
  readonly slab: Buffer;
  readonly compression?: CompressionPolicy;
}

/**
 * Builds one pack in memory: frames, then `seal`. Every frame is decoded and checked before `append` returns.
 * A sealed pack can be renamed any number of times: each upload attempt has a name of its own, and the encryption is
 * bound to the name.
 */
export class PackBuilder {
  readonly kind: Exclude<PackKind, 'container'>;
  /** The pack as references to its frames hold it: `rename` changes the id in this object. */
  readonly pack: { packId: PackId };
  readonly #vault: VaultKeys;
  readonly #dataKey: DataKey;
  readonly #compression: CompressionPolicy;
  readonly #entries: DirectoryEntry[] = [];
  #directory: FramePosition | undefined;
  #slab: Buffer;
  #length = headerBytes;
  #cipher: FrameCipher;

  constructor(options: PackBuilderOptions) {
    this.kind = options.kind;
    this.pack = { packId: options.packId };
    this.#vault = options.vault;
    this.#dataKey = options.dataKey;
    this.#compression = options.compression ?? defaultCompressionPolicy;
    this.#slab = options.slab;
    this.#cipher = this.#name(options.packId);
  }

  /** Bytes so far, including the header. */
  get length(): number {
    return this.#length;
  }

  get entries(): readonly DirectoryEntry[] {
    return this.#entries;
  }

  /** The pack's buffer, which the next builder may take once this one is done with. */
  get slab(): Buffer {
    return this.#slab;
  }

  /** True if a content of that size is sure to fit into the slab with the pack's end, and may be added. */
  fits(plainBytes: number): boolean {
    const frames = this.#entries.length + 1;
    const needed = this.#length + plainBytes + frameOverheadBytes + maxEndBytes(frames);
    return needed <= this.#slab.length && frames <= maxFramesPerSegment;
  }

  /** @throws {@link ChunkCorruptError} the content does not hash to the id. */
  append(kind: ListedFrameKind, id: ChunkId | PageId, plain: Uint8Array): FramePosition {
    if (this.#directory !== undefined)
      throw new InvalidInputError(`pack ${this.pack.packId} is sealed; open a new one`);
    const position = this.#seal(this.#entries.length, { kind, id, plain });
    this.#entries.push({ kind, id, ...position, plainBytes: plain.length });
    return position;
  }

  /** Adds the directory and the footer. Nothing can be appended afterwards. Repeatable. */
  seal(): void {
    if (this.#directory !== undefined) return;
    const plain = encodeDirectory({ firstFrame: 0, firstOffset: headerBytes, entries: this.#entries });
    const directory = this.#seal(this.#entries.length, { kind: 'directory', plain });
    this.#directory = directory;
    this.#reserve(footerBytes);
    writeFooter(this.#slab, this.#length, { kind: this.kind, ...directory, previousFooter: 0 });
    this.#length += footerBytes;
  }

  /** The sealed pack's bytes: a view that `rename` changes. */
  get body(): Uint8Array {
    if (this.#directory === undefined)
      throw new InvalidInputError(`pack ${this.pack.packId} has not been sealed`);
    return this.#slab.subarray(0, this.#length);
  }

  /** Encrypts the whole pack anew under another id, in place. Frames keep their numbers, offsets and lengths. */
  rename(packId: PackId): void {
    const before = this.#cipher;
    const after = this.#name(packId);
    for (const entry of this.#entries) this.#reseal(entry.kind, entry, before, after);
    if (this.#directory !== undefined) this.#reseal('directory', this.#directory, before, after);
    this.pack.packId = packId;
    this.#cipher = after;
  }

  #name(packId: PackId): FrameCipher {
    writeHeader(this.#slab, { kind: this.kind, keyId: this.#dataKey.keyId, packId });
    return new FrameCipher(this.#dataKey.objectKey(packId), this.#vault.vaultId, packId);
  }

  #seal(frame: number, content: Parameters<typeof sealFrame>[2]): FramePosition {
    this.#reserve(content.plain.length + frameOverheadBytes);
    const context = {
      vault: this.#vault,
      cipher: this.#cipher,
      packId: this.pack.packId,
      compression: this.#compression,
    };
    const offset = this.#length;
    const length = sealFrame(context, frame, content, this.#slab, offset);
    this.#length += length;
    return { frame, offset, length };
  }

  #reseal(
    kind: ListedFrameKind | 'directory',
    { frame, offset, length }: FramePosition,
    before: FrameCipher,
    after: FrameCipher,
  ): void {
    const stored = this.#slab.subarray(offset, offset + length);
    const { codec, payload } = before.open(kind, frame, stored, this.pack.packId);
    after.seal(kind, frame, codec as Codec, payload, this.#slab, offset);
    const reopened = after.open(kind, frame, stored, this.pack.packId);
    if (reopened.codec !== codec || !equalBytes(reopened.payload, payload)) {
      throw new StoredBytesDamagedError(
        this.pack.packId,
        `frame ${frame} did not survive being encrypted anew`,
      );
    }
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#slab.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#length + bytes, 2 * this.#slab.length));
    grown.set(this.#slab.subarray(0, this.#length));
    this.#slab = grown;
  }
}
