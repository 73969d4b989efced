import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { StoredBytesDamagedError } from '../errors.ts';
import { Root } from './root.ts';

/** Deterministic CBOR of a root. A field without a value is left out: the format knows no undefined. */
export function encodeRootCbor(root: Root): Uint8Array {
  return encode(root, { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true });
}

/** @throws {@link StoredBytesDamagedError} the bytes are not the CBOR of a root. */
export function decodeRootCbor(bytes: Uint8Array, name: string): Root {
  let record: unknown;
  try {
    record = decode(bytes, { strict: true, rejectDuplicateMapKeys: true, allowUndefined: false });
  } catch (error) {
    throw new StoredBytesDamagedError(name, 'its root is not CBOR', { cause: error });
  }
  const parsed = Root.safeParse(record);
  if (!parsed.success) throw new StoredBytesDamagedError(name, `it holds no root: ${parsed.error.message}`);
  return parsed.data;
}
