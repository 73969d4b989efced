import { StoredBytesDamagedError } from './errors.ts';
import type { ObjectStore } from './ports/object-store.ts';

/**
 * Reads an object that has to fit into memory, by a name that others could have put something else under. A larger
 * object is read only as far as shows that it is too large.
 * @throws {@link StoredBytesDamagedError} it has more bytes than that.
 * @throws {@link ObjectNotFoundError} no such name or version.
 */
export async function getBounded(
  store: ObjectStore,
  name: string,
  maxBytes: number,
  options: { readonly versionId?: string; readonly signal?: AbortSignal } = {},
): Promise<Uint8Array> {
  const bytes = await store.get(name, { ...options, range: { offset: 0, length: maxBytes + 1 } });
  if (bytes.length <= maxBytes) return bytes;
  throw new StoredBytesDamagedError(name, `it has more than ${maxBytes} bytes`);
}
