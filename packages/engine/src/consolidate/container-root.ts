import { decode } from 'cborg';
import { StoredBytesDamagedError } from '../errors.ts';
import { Root } from '../points/root.ts';

/**
 * The root inside a container: that of the point, as far as it was known when the container was written.
 * @throws {@link StoredBytesDamagedError} the bytes are not a container's root.
 */
export function readContainerRoot(bytes: Uint8Array, name: string): Root {
  let record: unknown;
  try {
    record = decode(bytes, { strict: true, rejectDuplicateMapKeys: true });
  } catch (error) {
    throw new StoredBytesDamagedError(name, 'its root is not CBOR', { cause: error });
  }
  const parsed = Root.safeParse(record);
  if (!parsed.success) throw new StoredBytesDamagedError(name, `it holds no root: ${parsed.error.message}`);
  return parsed.data;
}
