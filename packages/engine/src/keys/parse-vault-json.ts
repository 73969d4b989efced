import * as z from 'zod';
import { FormatVersionError, StoredBytesDamagedError } from '../errors.ts';

const supportedVersion = 1;
const Versioned = z.object({ formatVersion: z.number() });

/**
 * @throws {@link StoredBytesDamagedError} not JSON, or not of that form.
 * @throws {@link FormatVersionError} written by a newer version.
 */
export function parseVaultJson<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Uint8Array,
  objectName: string,
): z.output<Schema> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new StoredBytesDamagedError(objectName, 'it is not JSON', { cause: error });
  }
  const versioned = Versioned.safeParse(json);
  if (versioned.success && versioned.data.formatVersion !== supportedVersion) {
    throw new FormatVersionError(objectName, versioned.data.formatVersion, supportedVersion);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new StoredBytesDamagedError(objectName, z.prettifyError(parsed.error).replaceAll('\n', ' '), {
    cause: parsed.error,
  });
}
