import { equalBytes } from '../bytes.ts';
import { InvalidInputError, StoredBytesDamagedError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import type { DataKey, VaultKeys } from '../keys/vault-keys.ts';
import { FrameCipher } from './frame-cipher.ts';
import { defaultCompressionPolicy, type Codec, type CompressionPolicy } from './frame-codec.ts';
import { frameOverheadBytes, type FrameKind, type FramePosition } from './frame.ts';
import {
  contentBytesOf,
  encodeDirectory,
  maxContentEntryBytes,
  maxFrameEntryBytes,
  type ListedContent,
  type ListedFrame,
  type ListedFrameKind,
} from './pack-directory.ts';
import { footerBytes, headerBytes, writeFooter, writeHeader, type PackKind } from './pack-layout.ts';
import { sealFrame } from './seal-frame.ts';

/** Most chunks or pages that a writer puts into one pack or segment, so that its directory stays below 1 MiB. */
export const maxContentsPerSegment = 16_384;

/** Bytes that the end of a pack takes at most: the directory of so many chunks or pages, and the footer. */
export function maxEndBytes(contents: number): number {
  return contents * (maxFrameEntryBytes + maxContentEntryBytes) + 27 + frameOverheadBytes + footerBytes;
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
 * Builds one pack in memory: frames, then `seal`. Every frame is decoded and compared before `append` returns.
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
  readonly #frames: ListedFrame[] = [];
  #contents = 0;
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

  get frames(): readonly ListedFrame[] {
    return this.#frames;
  }

  /** True when it has as many chunks or pages as a directory may list. */
  get isListFull(): boolean {
    return this.#contents >= maxContentsPerSegment;
  }

  /** The pack's buffer, which the next builder may take once this one is done with. */
  get slab(): Buffer {
    return this.#slab;
  }

  /** True if a frame is sure to fit into the slab with the pack's end, and may be added. */
  fits(contents: readonly ListedContent[]): boolean {
    const listed = this.#contents + contents.length;
    const needed = this.#length + contentBytesOf(contents) + frameOverheadBytes + maxEndBytes(listed);
    return needed <= this.#slab.length && listed <= maxContentsPerSegment;
  }

  /** Adds a frame. @param plain - the contents' bytes, one behind the other. */
  append(kind: ListedFrameKind, contents: readonly ListedContent[], plain: Uint8Array): FramePosition {
    if (this.#directory !== undefined)
      throw new InvalidInputError(`pack ${this.pack.packId} is sealed; open a new one`);
    const position = this.#seal(kind, this.#frames.length, plain);
    this.#frames.push({ kind, ...position, contents });
    this.#contents += contents.length;
    return position;
  }

  /** Adds the directory and the footer. Nothing can be appended afterwards. Repeatable. */
  seal(): void {
    if (this.#directory !== undefined) return;
    const plain = encodeDirectory({ firstFrame: 0, firstOffset: headerBytes, frames: this.#frames });
    const directory = this.#seal('directory', this.#frames.length, plain);
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
    for (const frame of this.#frames) this.#reseal(frame.kind, frame, before, after);
    if (this.#directory !== undefined) this.#reseal('directory', this.#directory, before, after);
    this.pack.packId = packId;
    this.#cipher = after;
  }

  #name(packId: PackId): FrameCipher {
    writeHeader(this.#slab, { kind: this.kind, keyId: this.#dataKey.keyId, packId });
    return new FrameCipher(this.#dataKey.objectKey(packId), this.#vault.vaultId, packId);
  }

  #seal(kind: FrameKind, frame: number, plain: Uint8Array): FramePosition {
    this.#reserve(plain.length + frameOverheadBytes);
    const context = { cipher: this.#cipher, packId: this.pack.packId, compression: this.#compression };
    const offset = this.#length;
    const length = sealFrame(context, kind, frame, plain, this.#slab, offset);
    this.#length += length;
    return { frame, offset, length };
  }

  #reseal(
    kind: FrameKind,
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
