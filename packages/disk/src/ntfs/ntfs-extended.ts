import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import { AttributeBudget, mostValueBytes } from '../file-system/attributes.ts';
import type { NodeAttribute } from '../file-system/file-system.ts';
import { Fields } from '../source/fields.ts';
import { bytesOf, readPiece, readValue } from './ntfs-content.ts';
import { findAttribute, type NtfsFile, readFile, streamsOf } from './ntfs-file.ts';
import { openIndex, searchIndex } from './ntfs-index.ts';
import { encodeWtf8 } from './ntfs-names.ts';
import { attributeTypes } from './ntfs-record.ts';
import type { ReparsePoint } from './ntfs-reparse.ts';
import type { NtfsVolume } from './ntfs-volume.ts';

const securityRecord = 9;
const securityHeaderBytes = 20;

/** Answers that `getxattr` would have to give, in the names of ntfs-3g, so that its mounts take them back. */
export interface ExtendedFacts {
  /** Attributes of DOS, such as hidden and read-only. */
  readonly flags: number;
  /** Names a security descriptor; 0 if the file has its own, or none. */
  readonly securityId: number;
  readonly reparsePoint: ReparsePoint | undefined;
}

/** The streams of a file, and what else it has that Linux knows no place for. */
export async function readExtendedAttributes(
  volume: NtfsVolume,
  file: NtfsFile,
  { flags, securityId, reparsePoint }: ExtendedFacts,
  signal?: AbortSignal,
): Promise<readonly NodeAttribute[]> {
  const found: NodeAttribute[] = [];
  const add = (name: string, value: Uint8Array | undefined): void => {
    if (value !== undefined) found.push({ name: encodeWtf8(name), value: new Uint8Array(value) });
  };
  add('system.ntfs_attrib', Uint8Array.of(flags, flags >>> 8, flags >>> 16, flags >>> 24));
  add('system.ntfs_acl', await readSecurity(volume, file, securityId, signal));
  add('system.ntfs_reparse_data', reparsePoint?.bytes);
  const given = await findAttribute(volume, file, attributeTypes.extendedAttributes, '', signal);
  add('system.ntfs_ea', given && (await readValue(volume, file, given, mostValueBytes, signal)));
  const budget = new AttributeBudget();
  for (const name of streamsOf(file)) {
    const stream = await findAttribute(volume, file, attributeTypes.data, name, signal);
    if (stream === undefined) continue;
    const bytes = bytesOf(stream);
    if (bytes > mostValueBytes)
      throw new DiskUnsupportedError(
        `a stream of ${bytes} bytes as an attribute`,
        `${file.base.what} has it as ${JSON.stringify(name)}; it can be read as a file, by <path>:<stream>`,
      );
    budget.take(name.length, bytes, stream.what);
    add(`user.${name}`, await readValue(volume, file, stream, mostValueBytes, signal));
  }
  return found;
}

/** The security descriptor of a file, with the owner's SID. All files share those that are in the file `$Secure`. */
async function readSecurity(
  volume: NtfsVolume,
  file: NtfsFile,
  id: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const own = await findAttribute(volume, file, attributeTypes.securityDescriptor, '', signal);
  if (own !== undefined) return readValue(volume, file, own, mostValueBytes, signal);
  if (id === 0) return undefined;
  const secure = await readFile(volume, { record: securityRecord, sequence: 0 }, signal);
  const index = await openIndex(volume, secure, '$SII', signal);
  const all = await findAttribute(volume, secure, attributeTypes.data, '$SDS', signal);
  const compare = (key: Fields): number => id - key.u32(0);
  for await (const { fields } of searchIndex(volume, index, compare, signal)) {
    const place = new Fields(fields.slice(fields.u16(0), securityHeaderBytes), fields.what);
    const bytes = place.u32(16);
    if (all === undefined || bytes < securityHeaderBytes || bytes > mostValueBytes) break;
    const entry = new Fields(await readPiece(volume, secure, all, place.u64(8), bytes, signal), fields.what);
    if (!entry.slice(0, securityHeaderBytes).every((byte, at) => byte === place.bytes[at])) break;
    return entry.bytes.subarray(securityHeaderBytes);
  }
  throw new DiskDamagedError(
    `${file.base.what} has security descriptor ${id}, which is not there, or damaged`,
  );
}
