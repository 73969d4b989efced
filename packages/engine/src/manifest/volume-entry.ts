import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import * as z from 'zod';
import { equalBytes, utf8, fromUtf8 } from '../bytes.ts';
import { InvalidInputError, StoredBytesDamagedError } from '../errors.ts';
import { maxPlainBytes } from '../packs/frame.ts';
import type { Entry } from './page-codec.ts';
import { decodeFileKey, entryKey } from './tuple-key.ts';

/** A volume of an image, as a manifest has it. Its blocks follow as extents under its path, with gaps for zeros. */
export interface VolumeEntry {
  /** Id of the volume, such as `vol-0123456789abcdef0`; as bytes, it is the path of the entry and of its extents. */
  readonly volume: string;
  /** Size of the volume. */
  readonly bytes: number;
  readonly blockBytes: number;
  /** Id of the snapshot that the blocks were read from. */
  readonly snapshot: string;
  /** Reason why every block was read, although the run's type would have read only what changed. */
  readonly fullReason?: string;
}

const size = z.int().positive();
const Fields = z.strictObject({
  k: z.literal('volume'),
  s: size,
  b: size.max(maxPlainBytes.chunk),
  c: z.string(),
  w: z.string().optional(),
});

/**
 * @throws {@link InvalidInputError} a size is not that of a volume, or of a block.
 * @see docs/format.md, section 6
 */
export function encodeVolumeEntry({ volume, bytes, blockBytes, snapshot, fullReason }: VolumeEntry): Entry {
  const fields = { k: 'volume', s: bytes, b: blockBytes, c: snapshot, w: fullReason };
  const parsed = Fields.safeParse(fields);
  if (!parsed.success)
    throw new InvalidInputError(
      `volume ${volume} has ${bytes} bytes in blocks of ${blockBytes}, which no manifest takes: ${parsed.error.message}`,
    );
  const logical = encode(parsed.data, { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true });
  return { key: entryKey(utf8(volume)), logical, location: new Uint8Array() };
}

/**
 * Reads {@link encodeVolumeEntry} back, strictly.
 * @throws {@link StoredBytesDamagedError} it is not the entry of a volume; in the name of the object that it is from.
 */
export function decodeVolumeEntry({ key, logical, location }: Entry, objectName: string): VolumeEntry {
  const fail = (what: string, options?: ErrorOptions): never => {
    throw new StoredBytesDamagedError(objectName, `the entry of a volume ${what}`, options);
  };
  const { path, offset } = decodeFileKey(key, objectName);
  if (offset !== undefined) return fail('has the key of content');
  if (location.length > 0) return fail('has a location');
  let record: unknown;
  try {
    record = decode(logical, { strict: true, rejectDuplicateMapKeys: true, allowUndefined: false });
  } catch (cause) {
    return fail('is not deterministic CBOR', { cause });
  }
  const parsed = Fields.safeParse(record);
  if (!parsed.success) return fail(`is none: ${parsed.error.message}`);
  const { s: bytes, b: blockBytes, c: snapshot, w: fullReason } = parsed.data;
  const entry = { volume: fromUtf8(path), bytes, blockBytes, snapshot, fullReason };
  return equalBytes(encodeVolumeEntry(entry).logical, logical) ? entry : fail('is not as a writer writes it');
}
