import { FormatVersionError, StoredBytesDamagedError } from '../errors.ts';
import { toHex } from '../bytes.ts';
import type { KeyId, PackId } from '../ids.ts';

export type PackKind = 'chunks' | 'pages' | 'container';

export const headerBytes = 40;
/** Bytes of a footer, and of a container's trailer. */
export const footerBytes = 32;

const formatVersion = 1;
const kindCodes: Readonly<Record<PackKind, number>> = { chunks: 1, pages: 2, container: 3 };
const magics = { header: 'HFPK', footer: 'HFPF', trailer: 'HFPT' } as const;

/** The first bytes of a pack, naming its key. Not secret, and authenticated only by the frames behind it. */
export interface PackHeader {
  readonly kind: PackKind;
  readonly keyId: KeyId;
  readonly packId: PackId;
}

/** The last bytes of a segment, or of a container (`trailer`), which point to the directory or root frame. */
export interface PackFooter {
  readonly kind: PackKind;
  /** Offset of the directory frame; in a trailer, of the root frame. */
  readonly offset: number;
  /** Stored bytes of that frame. */
  readonly length: number;
  readonly frame: number;
  /** Offset of the footer of the segment before, 0 in the first; in a trailer, of the last footer. */
  readonly previousFooter: number;
}

export function writeHeader(into: Buffer, { kind, keyId, packId }: PackHeader): void {
  writePrefix(into, 0, 'header', kind);
  into.write(keyId, 8, 16, 'hex');
  into.write(packId, 24, 16, 'hex');
}

/**
 * @throws {@link StoredBytesDamagedError} it is not a header.
 * @throws {@link FormatVersionError} it is a newer one.
 */
export function readHeader(bytes: Uint8Array, objectName: string): PackHeader {
  const kind = readPrefix(bytes, 'header', headerBytes, objectName);
  return {
    kind,
    keyId: toHex(bytes.subarray(8, 24)) as KeyId,
    packId: toHex(bytes.subarray(24, 40)) as PackId,
  };
}

export function writeFooter(
  into: Buffer,
  at: number,
  footer: PackFooter,
  form: 'footer' | 'trailer' = 'footer',
): void {
  writePrefix(into, at, form, footer.kind);
  into.writeBigUInt64BE(BigInt(footer.offset), at + 8);
  into.writeUInt32BE(footer.length, at + 16);
  into.writeUInt32BE(footer.frame, at + 20);
  into.writeBigUInt64BE(BigInt(footer.previousFooter), at + 24);
}

/**
 * Reads a footer or trailer.
 * @throws {@link StoredBytesDamagedError} it is not one.
 * @throws {@link FormatVersionError} it is a newer one.
 */
export function readFooter(
  bytes: Uint8Array,
  objectName: string,
  form: 'footer' | 'trailer' = 'footer',
): PackFooter {
  const kind = readPrefix(bytes, form, footerBytes, objectName);
  const view = new DataView(bytes.buffer, bytes.byteOffset, footerBytes);
  return {
    kind,
    offset: readOffset(view, 8, objectName),
    length: view.getUint32(16),
    frame: view.getUint32(20),
    previousFooter: readOffset(view, 24, objectName),
  };
}

function readOffset(view: DataView, at: number, objectName: string): number {
  const offset = Number(view.getBigUint64(at));
  if (!Number.isSafeInteger(offset))
    throw new StoredBytesDamagedError(objectName, 'an offset is 2^53 or more');
  return offset;
}

function writePrefix(into: Buffer, at: number, form: keyof typeof magics, kind: PackKind): void {
  into.write(magics[form], at, 'latin1');
  into[at + 4] = formatVersion;
  into[at + 5] = kindCodes[kind];
  into[at + 6] = 0;
  into[at + 7] = 0;
}

function readPrefix(
  bytes: Uint8Array,
  form: keyof typeof magics,
  length: number,
  objectName: string,
): PackKind {
  if (bytes.length !== length || Buffer.from(bytes.subarray(0, 4)).toString('latin1') !== magics[form]) {
    throw new StoredBytesDamagedError(objectName, `its ${form} is not where it should be`);
  }
  const version = bytes[4] as number;
  if (version !== formatVersion) throw new FormatVersionError(objectName, version, formatVersion);
  const kind = (Object.keys(kindCodes) as PackKind[]).find((name) => kindCodes[name] === bytes[5]);
  if (kind === undefined || bytes[6] !== 0 || bytes[7] !== 0) {
    throw new StoredBytesDamagedError(objectName, `its ${form} is of no known kind`);
  }
  return kind;
}
