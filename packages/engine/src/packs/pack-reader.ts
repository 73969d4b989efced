import {
  BackupError,
  InvalidInputError,
  isDamage,
  ObjectNotFoundError,
  StoredBytesDamagedError,
} from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { decodeContent } from './frame-codec.ts';
import { frameOverheadBytes, maxFrameNumber, maxPlainBytes, type FramePosition } from './frame.ts';
import { PackCiphers } from './pack-ciphers.ts';
import type { ListedFrameKind } from './pack-directory.ts';
import { headerBytes } from './pack-layout.ts';
import { releaseBytes } from './release-bytes.ts';
import { candidateVersions, fetchRange, type StoredObject } from './stored-object.ts';

export interface WantedFrame extends FramePosition {
  /** Bytes of the content, where the reference states them: it must have as many. */
  readonly contentBytes?: number;
}

/** A frame's content, which the caller owns, or why no version of the object has it. */
export type ReadFrame = Uint8Array | BackupError;

/** Longest stretch that one call reads. Callers plan runs far below it. */
const maxRunBytes = 128 * 1024 * 1024;

/**
 * Reads frames of packs and containers. Each authenticates as that frame of that object; whether its content has the ids
 * that a reference names is for the caller to check.
 */
export class PackReader {
  readonly #store: ObjectStore;
  readonly #ciphers: PackCiphers;

  constructor(store: ObjectStore, vault: VaultKeys) {
    this.#store = store;
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
   * Decrypts and decompresses one frame's stored bytes.
   * @throws {@link StoredBytesDamagedError} they do not authenticate, do not decode, or have another length.
   */
  async openFrame(
    object: StoredObject,
    versionId: string | undefined,
    kind: ListedFrameKind,
    wanted: WantedFrame,
    stored: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const { frame, contentBytes } = wanted;
    const { codec, payload } = await this.#ciphers.open(object, versionId, kind, frame, stored, signal);
    const content = decodeContent(codec, payload, contentBytes ?? maxPlainBytes[kind], object.name);
    if (content !== payload) releaseBytes(payload);
    if (contentBytes !== undefined && content.length !== contentBytes) {
      const what = `frame ${frame} has ${content.length} bytes, its reference says ${contentBytes}`;
      throw new StoredBytesDamagedError(object.name, what);
    }
    return content;
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
      if (isPossible(frame, kind)) return true;
      answers.set(
        frame,
        new StoredBytesDamagedError(object.name, 'a reference to one of its frames is impossible'),
      );
      return false;
    });
    if (possible.length === 0) return answers;
    const start = Math.min(...possible.map(({ offset }) => offset));
    const end = Math.max(...possible.map(({ offset, length }) => offset + length));
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
      const from = frame.offset - start;
      const stored = stretch.subarray(from, from + frame.length);
      answers.set(frame, await this.#answer(object, versionId, kind, frame, stored, signal));
    }
    releaseBytes(stretch);
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
    if (stored.length < frame.length) {
      return new StoredBytesDamagedError(object.name, `it ends before frame ${frame.frame} does`);
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
