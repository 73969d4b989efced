import { fromHex, toHex } from '../bytes.ts';
import { InvalidInputError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import { ByteReader, ByteWriter } from '../varint.ts';
import type { Entry } from './page-codec.ts';
import { createTreeKind, type PageKeys, type TreeKind } from './tree-kind.ts';
import { objectNameOf } from '../packs/object-names.ts';
import type { StoredObject } from '../packs/stored-object.ts';

/** Facts about a stored pack, whoever uses it. */
export interface PackFacts {
  readonly kind: 'chunks' | 'container';
  readonly retentionClass: string;
  /** The lock that the store confirmed last. Whole seconds. */
  readonly lockedUntil: Date;
  /** Empty where it is not known: inside a container, of the container itself. Readers then take the oldest. */
  readonly versionId: string;
}

/** A pack of a point's pack map, and how much of it the point needs. */
export interface PackMapEntry extends PackFacts {
  readonly packId: PackId;
  /** References to its chunks in the point's manifest, each one counted; at least 1. */
  readonly references: number;
  /** Stored bytes of those chunks, summed over the references. */
  readonly liveBytes: number;
}

const kindBytes = { chunks: 1, container: 3 } as const;
const classPattern = /^[a-z0-9-]{1,32}$/;
const packIdPattern = /^[0-9a-f]{32}$/;
const maxVersionIdBytes = 1024;
const maxSeconds = 8_640_000_000_000;

/** Trees of packs by id. The summary of an entry, and so of a page, is the lock that ends first, in seconds since 1970. */
export function createPackMapKind(keys: PageKeys): TreeKind {
  return createTreeKind(
    keys,
    () => 7,
    ({ location }) => new ByteReader(location, 'a pack map').varint(),
  );
}

/** The bound for {@link TreeReader.entriesBelow} that finds the packs whose lock ends before a date. */
export function lockSummary(date: Date): number {
  return Math.ceil(date.getTime() / 1000);
}

/** @throws {@link InvalidInputError} not a pack id. */
export function packKey(packId: PackId): Uint8Array {
  if (!packIdPattern.test(packId))
    throw new InvalidInputError(`"${packId}" is not a pack id of 32 hexadecimal digits`);
  return fromHex(packId);
}

/**
 * @throws {@link InvalidInputError} a fact that cannot be written down.
 * @see docs/format.md, section 7
 */
export function encodePackMapEntry(entry: PackMapEntry): Entry {
  const key = packKey(entry.packId);
  if (entry.references < 1)
    throw new InvalidInputError(`pack ${entry.packId} has ${entry.references} references; leave it out`);
  const logical = new ByteWriter(32)
    .u8(kindBytes[entry.kind])
    .varint(entry.references)
    .varint(entry.liveBytes);
  writeClass(logical, entry.retentionClass);
  const location = new ByteWriter(48);
  writeLock(location, entry);
  return { key, logical: logical.take(), location: location.take() };
}

/**
 * Reads {@link encodePackMapEntry} back, strictly.
 * @throws {@link StoredBytesDamagedError} it is not the entry of a pack; in the name of the object that it is from.
 */
export function decodePackMapEntry({ key, logical, location }: Entry, objectName: string): PackMapEntry {
  const reader = new ByteReader(logical, objectName);
  if (key.length !== 16) reader.fail('the key of a pack has not 16 bytes');
  const kind = readKind(reader);
  const references = reader.varint();
  if (references === 0) reader.fail('a pack without references is listed');
  const liveBytes = reader.varint();
  const retentionClass = readClass(reader);
  reader.end();
  const locationReader = new ByteReader(location, objectName);
  const lock = readLock(locationReader);
  locationReader.end();
  return { packId: toHex(key) as PackId, kind, references, liveBytes, retentionClass, ...lock };
}

/** Reads an entry as far as it says where its pack is. */
export function readStoredObject(entry: Entry, objectName: string): StoredObject {
  const pack = decodePackMapEntry(entry, objectName);
  const { packId, versionId } = pack;
  return { packId, name: objectNameOf(pack), versionId: versionId === '' ? undefined : versionId };
}

/** Writes facts so that {@link readFacts} finds their end. */
export function writeFacts(writer: ByteWriter, facts: PackFacts): void {
  writer.u8(kindBytes[facts.kind]);
  writeClass(writer, facts.retentionClass);
  writeLock(writer, facts);
}

export function readFacts(reader: ByteReader): PackFacts {
  const kind = readKind(reader);
  const retentionClass = readClass(reader);
  return { kind, retentionClass, ...readLock(reader) };
}

function readKind(reader: ByteReader): PackFacts['kind'] {
  const kind = reader.u8();
  if (kind === kindBytes.chunks) return 'chunks';
  return kind === kindBytes.container ? 'container' : reader.fail(`a pack has the unknown kind ${kind}`);
}

function writeClass(writer: ByteWriter, retentionClass: string): void {
  if (!classPattern.test(retentionClass)) {
    throw new InvalidInputError(
      `"${retentionClass}" is not a retention class; use 1 to 32 of a-z, 0-9 and -`,
    );
  }
  const bytes = Buffer.from(retentionClass, 'latin1');
  writer.varint(bytes.length).bytes(bytes);
}

function readClass(reader: ByteReader): string {
  const retentionClass = reader.text(reader.varint());
  return classPattern.test(retentionClass)
    ? retentionClass
    : reader.fail('a pack has a malformed retention class');
}

function writeLock(
  writer: ByteWriter,
  { lockedUntil, versionId }: Pick<PackFacts, 'lockedUntil' | 'versionId'>,
): void {
  const seconds = lockedUntil.getTime() / 1000;
  if (!Number.isSafeInteger(seconds) || seconds < 0) {
    throw new InvalidInputError(
      `a pack is locked until ${seconds} seconds since 1970; locks end on whole seconds`,
    );
  }
  const version = Buffer.from(versionId, 'utf8');
  if (version.length > maxVersionIdBytes) {
    throw new InvalidInputError(`"${versionId}" is not a version id of at most ${maxVersionIdBytes} bytes`);
  }
  writer.varint(seconds).varint(version.length).bytes(version);
}

function readLock(reader: ByteReader): Pick<PackFacts, 'lockedUntil' | 'versionId'> {
  const seconds = reader.varint();
  if (seconds > maxSeconds) reader.fail('a pack is locked until a date that does not exist');
  const length = reader.varint();
  if (length > maxVersionIdBytes) reader.fail('a pack has a malformed version id');
  return { lockedUntil: new Date(seconds * 1000), versionId: reader.text(length) };
}
