import { StoredBytesDamagedError } from '../errors.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { frameOverheadBytes, maxPlainBytes } from './frame.ts';
import { footerBytes, headerBytes, readFooter } from './pack-layout.ts';
import { fetchRange, type StoredObject } from './stored-object.ts';

/** Bytes read from a container's end at once: most roots and key blocks lie within. */
const tailBytes = 64 * 1024;
/** A key block has some kilobytes. */
const maxKeyBlockBytes = 1024 * 1024;

/** The end of a container as it is stored; nothing of it has been authenticated. */
export interface ContainerTail {
  readonly frame: number;
  readonly storedRoot: Uint8Array;
  readonly keyBlock: Uint8Array;
  /** Offset of the last segment's footer; 0 in a container without frames. */
  readonly lastFooter: number;
}

/**
 * Reads a container's trailer, and the root frame and key block before it. Takes no key.
 * @throws {@link StoredBytesDamagedError} the trailer is damaged, or contradicts itself.
 */
export async function readContainerTail(
  store: ObjectStore,
  { name, versionId }: Pick<StoredObject, 'name' | 'versionId'>,
  size: number,
  signal?: AbortSignal,
): Promise<ContainerTail> {
  const at = size - footerBytes;
  if (at < headerBytes) throw new StoredBytesDamagedError(name, 'it is too short');
  const start = Math.max(headerBytes, at - tailBytes);
  const tail = await fetchRange(store, name, versionId, { offset: start, length: size - start }, signal);
  const trailer = readFooter(tail.subarray(at - start), name, 'trailer');
  const { kind, offset, length, frame, previousFooter: lastFooter } = trailer;
  const afterFooter = lastFooter === 0 ? headerBytes : lastFooter + footerBytes;
  if (kind !== 'container' || offset !== afterFooter)
    throw new StoredBytesDamagedError(name, 'its root does not follow its last segment');
  const keyBlockBytes = at - offset - length;
  const maxRootBytes = maxPlainBytes.root + frameOverheadBytes;
  if (length > maxRootBytes || keyBlockBytes <= 0 || keyBlockBytes > maxKeyBlockBytes)
    throw new StoredBytesDamagedError(name, 'its trailer points nowhere');
  const end =
    offset >= start
      ? tail.subarray(offset - start, at - start)
      : await fetchRange(store, name, versionId, { offset, length: at - offset }, signal);
  return { frame, storedRoot: end.subarray(0, length), keyBlock: end.subarray(length), lastFooter };
}
