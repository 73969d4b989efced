import { StoredBytesDamagedError } from '../errors.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readContainerTail } from './container-tail.ts';
import { decodeContent } from './frame-codec.ts';
import { frameOverheadBytes, maxPlainBytes, type FrameKind } from './frame.ts';
import type { PackCiphers } from './pack-ciphers.ts';
import { decodeDirectory, type Directory } from './pack-directory.ts';
import { footerBytes, headerBytes, readFooter, type PackFooter, type PackKind } from './pack-layout.ts';
import { fetchRange, type StoredObject } from './stored-object.ts';

/** Bytes read from an object's end at once: the directory of most packs lies within. */
const tailBytes = 64 * 1024;

/** A pack, or a stretch of a container that has a directory of its own. */
export interface Segment {
  readonly kind: PackKind;
  readonly directory: Directory;
  readonly footerOffset: number;
  /** Offset of the footer of the segment before; 0 in the first. */
  readonly previousFooter: number;
}

export interface ContainerEnd {
  readonly root: Uint8Array;
  /** Offset of the last segment's footer; 0 in a container without frames. */
  readonly lastFooter: number;
  /** Its key block as it is stored; see `collectKeyBlock`. */
  readonly keyBlock: Uint8Array;
}

/** Reads directories and the end of containers, all of one version of an object. */
export class SegmentReader {
  readonly #store: ObjectStore;
  readonly #ciphers: PackCiphers;

  constructor(store: ObjectStore, ciphers: PackCiphers) {
    this.#store = store;
    this.#ciphers = ciphers;
  }

  /**
   * The directory of a pack, from its end.
   * @param bytes - the object's size, where it is known; otherwise it is asked for.
   * @throws {@link StoredBytesDamagedError} the end of the pack is damaged, or contradicts itself.
   */
  async readDirectory(object: StoredObject, bytes?: number, signal?: AbortSignal): Promise<Segment> {
    const size = bytes ?? (await this.#sizeOf(object, signal));
    return this.readSegment(object, size - footerBytes, signal);
  }

  /** The root of a container, from its end. @throws {@link StoredBytesDamagedError} as above. */
  async readContainerEnd(object: StoredObject, bytes?: number, signal?: AbortSignal): Promise<ContainerEnd> {
    const size = bytes ?? (await this.#sizeOf(object, signal));
    const { frame, lastFooter, storedRoot, keyBlock } = await readContainerTail(
      this.#store,
      object,
      size,
      signal,
    );
    const root = await this.#open(object, 'root', frame, storedRoot, signal);
    return { root, lastFooter, keyBlock };
  }

  /** Segments of a container from the last to the first. @throws {@link StoredBytesDamagedError} as above. */
  async *listSegments(
    object: StoredObject,
    lastFooter: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Segment, void, undefined> {
    for (let at = lastFooter; at > 0;) {
      const segment = await this.readSegment(object, at, signal);
      yield segment;
      at = segment.previousFooter;
    }
  }

  /** @throws {@link StoredBytesDamagedError} as above. */
  async readSegment(object: StoredObject, footerOffset: number, signal?: AbortSignal): Promise<Segment> {
    const { footer, stored } = await this.#readEnd(object, footerOffset, signal);
    const plain = await this.#open(object, 'directory', footer.frame, stored, signal);
    const directory = decodeDirectory(plain, object.name);
    const { firstFrame, firstOffset, frames } = directory;
    const last = frames.at(-1);
    const end = last === undefined ? firstOffset : last.offset + last.length;
    const { previousFooter, kind } = footer;
    const start = previousFooter === 0 ? headerBytes : previousFooter + footerBytes;
    const alone = previousFooter === 0 ? firstFrame === 0 : kind === 'container' && firstFrame > 0;
    if (
      firstOffset !== start ||
      end !== footer.offset ||
      firstFrame + frames.length !== footer.frame ||
      !alone
    ) {
      throw new StoredBytesDamagedError(object.name, 'its directory does not fit the frames before it');
    }
    return { kind, directory, footerOffset, previousFooter };
  }

  /** A footer and the stored bytes of the directory frame that it points to, which lies right before it. */
  async #readEnd(
    object: StoredObject,
    at: number,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly footer: PackFooter; readonly stored: Uint8Array }> {
    const { name, versionId } = object;
    if (at < headerBytes) throw new StoredBytesDamagedError(name, 'it is too short');
    const start = Math.max(headerBytes, at - tailBytes);
    const range = { offset: start, length: at + footerBytes - start };
    const tail = await fetchRange(this.#store, name, versionId, range, signal);
    const footer = readFooter(tail.subarray(at - start), name);
    const { offset, length, previousFooter } = footer;
    const maxLength = maxPlainBytes.directory + frameOverheadBytes;
    if (offset < headerBytes || offset + length !== at || length > maxLength || previousFooter >= offset) {
      throw new StoredBytesDamagedError(name, 'its footer points nowhere');
    }
    const stored =
      offset >= start
        ? tail.subarray(offset - start, at - start)
        : await fetchRange(this.#store, name, versionId, { offset, length }, signal);
    return { footer, stored };
  }

  async #open(
    object: StoredObject,
    kind: FrameKind,
    frame: number,
    stored: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const { codec, payload } = await this.#ciphers.open(
      object,
      object.versionId,
      kind,
      frame,
      stored,
      signal,
    );
    return decodeContent(codec, payload, maxPlainBytes[kind], object.name);
  }

  async #sizeOf({ name, versionId }: StoredObject, signal: AbortSignal | undefined): Promise<number> {
    const options = {
      versionId,
      signal,
    };
    return (await this.#store.head(name, options)).bytes;
  }
}
