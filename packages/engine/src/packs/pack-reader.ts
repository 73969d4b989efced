import {
  BackupError,
  ChunkCorruptError,
  InvalidInputError,
  isDamage,
  ObjectNotFoundError,
  StoredBytesDamagedError,
} from '../errors.ts';
import type { ChunkId, PageId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { decodeContent } from './frame-codec.ts';
import { frameOverheadBytes, maxFrameNumber, maxPlainBytes } from './frame.ts';
import type { FramePosition } from './pack-builder.ts';
import { PackCiphers } from './pack-ciphers.ts';
import type { ListedFrameKind } from './pack-directory.ts';
import { headerBytes } from './pack-layout.ts';
import { releaseBytes } from './release-bytes.ts';
import { candidateVersions, fetchRange, type StoredObject } from './stored-object.ts';

/** A frame to read, and the content that it must have. */
export interface WantedFrame {
  readonly id: ChunkId | PageId;
  /** Bytes of the content, where the reference states them. */
  readonly plainBytes?: number;
  readonly location: FramePosition;
}

/** A frame's verified plain bytes, which the caller owns, or why no version of the object has them. */
export type ReadFrame = Uint8Array | BackupError;

/** Longest stretch that one call reads. Callers plan runs far below it. */
const maxRunBytes = 128 * 1024 * 1024;

/** Reads frames of packs and containers; each has to authenticate and to hash to its id. */
export class PackReader {
  readonly #store: ObjectStore;
  readonly #vault: VaultKeys;
  readonly #ciphers: PackCiphers;

  constructor(store: ObjectStore, vault: VaultKeys) {
    this.#store = store;
    this.#vault = vault;
    this.#ciphers = new PackCiphers(store, vault);
  }

  /** For frames that were fetched otherwise. */
  get ciphers(): PackCiphers {
    return this.#ciphers;
  }

  /**
   * Reads the stretch from the first to the last of some frames with one request and gives one answer for each, in
   * their order. A damaged or missing frame is that frame's answer, after all versions of the object were tried;
   * everything else (throttles, missing keys, archived objects) is thrown.
   * @throws {@link InvalidInputError} the stretch is longer than 128 MiB.
   */
  async readFrames(
    object: StoredObject,
    kind: ListedFrameKind,
    frames: readonly WantedFrame[],
    signal?: AbortSignal,
  ): Promise<readonly ReadFrame[]> {
    const answers = new Map<WantedFrame, ReadFrame>();
    let missing = frames;
    for await (const versionId of candidateVersions(this.#store, object, signal)) {
      for (const [frame, answer] of await this.#readFrom(object, versionId, kind, missing, signal)) {
        // The first complaint is about the version that the reference means, so it says most.
        if (!(answer instanceof BackupError) || !answers.has(frame)) answers.set(frame, answer);
      }
      missing = missing.filter((frame) => answers.get(frame) instanceof BackupError);
      if (missing.length === 0) break;
    }
    return frames.map((frame) => answers.get(frame) as ReadFrame);
  }

  /**
   * Decrypts, decompresses and verifies one frame's stored bytes.
   * @throws {@link StoredBytesDamagedError} they do not authenticate or decode.
   * @throws {@link ChunkCorruptError} they are another chunk or page.
   */
  async openFrame(
    object: StoredObject,
    versionId: string | undefined,
    kind: ListedFrameKind,
    wanted: WantedFrame,
    stored: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const { id, plainBytes, location } = wanted;
    const { codec, payload } = await this.#ciphers.open(
      object,
      versionId,
      kind,
      location.frame,
      stored,
      signal,
    );
    const plain = decodeContent(codec, payload, plainBytes ?? maxPlainBytes[kind], object.name);
    if (plain !== payload) releaseBytes(payload);
    if ((kind === 'chunk' ? this.#vault.chunkId(plain) : this.#vault.pageId(plain)) === id) return plain;
    if (kind === 'chunk') throw new ChunkCorruptError(id, object.packId);
    throw new StoredBytesDamagedError(object.name, `frame ${location.frame} is not page ${id}`);
  }

  async #readFrom(
    object: StoredObject,
    versionId: string | undefined,
    kind: ListedFrameKind,
    frames: readonly WantedFrame[],
    signal: AbortSignal | undefined,
  ): Promise<Map<WantedFrame, ReadFrame>> {
    const answers = new Map<WantedFrame, ReadFrame>();
    const possible = frames.filter((frame) => {
      if (isPossible(frame.location, kind)) return true;
      answers.set(
        frame,
        new StoredBytesDamagedError(object.name, 'a reference to one of its frames is impossible'),
      );
      return false;
    });
    if (possible.length === 0) return answers;
    const start = Math.min(...possible.map(({ location }) => location.offset));
    const end = Math.max(...possible.map(({ location }) => location.offset + location.length));
    if (end - start > maxRunBytes) {
      throw new InvalidInputError(
        `a run of ${end - start} bytes in ${object.name}; read at most ${maxRunBytes} at once`,
      );
    }
    let stretch: Uint8Array;
    try {
      stretch = await fetchRange(
        this.#store,
        object.name,
        versionId,
        { offset: start, length: end - start },
        signal,
      );
    } catch (error) {
      if (!(error instanceof ObjectNotFoundError)) throw error;
      for (const frame of possible) answers.set(frame, error);
      return answers;
    }
    for (const frame of possible) {
      const from = frame.location.offset - start;
      const stored = stretch.subarray(from, from + frame.location.length);
      answers.set(frame, await this.#answer(object, versionId, kind, frame, stored, signal));
    }
    return answers;
  }

  async #answer(
    object: StoredObject,
    versionId: string | undefined,
    kind: ListedFrameKind,
    frame: WantedFrame,
    stored: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<ReadFrame> {
    if (stored.length < frame.location.length) {
      return new StoredBytesDamagedError(object.name, `it ends before frame ${frame.location.frame} does`);
    }
    try {
      return await this.openFrame(object, versionId, kind, frame, stored, signal);
    } catch (error) {
      if (isDamage(error)) return error;
      throw error;
    }
  }
}

/** False for a position that no frame can have, so that no reference makes a reader ask for gigabytes. */
export function isPossible({ frame, offset, length }: FramePosition, kind: ListedFrameKind): boolean {
  return (
    frame <= maxFrameNumber &&
    offset >= headerBytes &&
    Number.isSafeInteger(offset + length) &&
    length >= frameOverheadBytes &&
    length <= maxPlainBytes[kind] + frameOverheadBytes
  );
}
