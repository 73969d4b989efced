import { decode } from 'cborg';
import { fromUtf8 } from '../bytes.ts';
import { InvalidInputError, StoredBytesDamagedError } from '../errors.ts';
import type { PointId } from '../ids.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import { CborReader } from './cbor-reader.ts';
import { CborWriter } from './cbor-writer.ts';
import type { Entry } from './page-codec.ts';
import { decodeFileKey, entryKey } from './tuple-key.ts';

/** A file, object, directory or symbolic link as a manifest has it. */
export interface FileEntry {
  readonly entry: SourceEntry;
  /** The next incremental must read the content whatever the change token says. */
  readonly mustRead: boolean;
  /** This run could not read it: the content is as that point has it. */
  readonly carriedFrom?: PointId;
}

const noLocation = new Uint8Array();
const none: Record<string, string> = Object.freeze({});
const kinds: ReadonlySet<unknown> = new Set<SourceEntry['kind']>(['object', 'file', 'directory', 'symlink']);
const decodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: false,
  allowNaN: false,
  allowInfinity: false,
  rejectDuplicateMapKeys: true,
  // Names of metadata are anybody's choice: as properties of an object, "__proto__" would be lost.
  useMaps: true,
} as const;

/**
 * @throws {@link InvalidInputError} the path does not fit a key, or the size or time is not a proper number.
 * @see docs/format.md, section 6
 */
export function encodeFileEntry({ entry, mustRead, carriedFrom }: FileEntry): Entry {
  if (!Number.isSafeInteger(entry.size) || entry.size < 0 || !Number.isFinite(entry.modifiedMs)) {
    throw new InvalidInputError(
      `${JSON.stringify(fromUtf8(entry.path))} has size ${entry.size} and was modified at ${entry.modifiedMs} ms; ` +
        'a size is an integer from 0 to 2^53 - 1 and a time is finite',
    );
  }
  return {
    key: entryKey(entry.path),
    logical: writeFields(entry, mustRead, carriedFrom).copy(),
    location: noLocation,
  };
}

/**
 * Tells if an entry is exactly what {@link encodeFileEntry} makes of a file that was read: a quick answer for the many
 * that are, without decoding them.
 */
export function isEntryOf({ logical }: Entry, entry: SourceEntry): boolean {
  return writeFields(entry, false, undefined).isWritten(logical);
}

const writer = new CborWriter();

/** Keys in the order of their encoding, which for single letters is the alphabet's. */
function writeFields(entry: SourceEntry, mustRead: boolean, carriedFrom: PointId | undefined): CborWriter {
  const { attributes, userMetadata, tags } = entry;
  const has = { a: !isEmpty(attributes), t: !isEmpty(tags), u: !isEmpty(userMetadata) };
  writer
    .clear()
    .map(
      4 +
        Number(has.a) +
        Number(mustRead) +
        Number(has.t) +
        Number(has.u) +
        Number(carriedFrom !== undefined),
    );
  if (has.a) writer.text('a').texts(attributes);
  writer.text('c').text(entry.changeToken).text('k').text(entry.kind).text('m').number(entry.modifiedMs);
  if (mustRead) writer.text('r').true();
  writer.text('s').number(entry.size);
  if (has.t) writer.text('t').texts(tags);
  if (has.u) writer.text('u').texts(userMetadata);
  if (carriedFrom !== undefined) writer.text('v').text(carriedFrom);
  return writer;
}

function isEmpty(record: Readonly<Record<string, string>>): boolean {
  for (const _ in record) return false;
  return true;
}

/**
 * Reads {@link encodeFileEntry} back, strictly.
 * @throws {@link StoredBytesDamagedError} it is not the entry of a file; in the name of the object that it is from.
 */
export function decodeFileEntry({ key, logical, location }: Entry, objectName: string): FileEntry {
  const fail = (what: string, options?: ErrorOptions): never => {
    throw new StoredBytesDamagedError(objectName, `the entry of a file ${what}`, options);
  };
  const { path, offset } = decodeFileKey(key, objectName);
  if (offset !== undefined) return fail('has the key of content');
  if (location.length > 0) return fail('has a location');
  const file = findFile(path, logical);
  if (file !== undefined) return file;
  const fields = decodeFields(logical, fail);
  const text = (name: string): string => {
    const value = fields.get(name);
    return typeof value === 'string' ? value : fail(`has no text "${name}"`);
  };
  const size = fields.get('s');
  const modifiedMs = fields.get('m');
  const carriedFrom = fields.has('v') ? (text('v') as PointId) : undefined;
  if (!kinds.has(fields.get('k'))) return fail('has an unknown kind');
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return fail('has no size');
  if (typeof modifiedMs !== 'number') return fail('has no modification time');
  if (fields.has('r') && fields.get('r') !== true) return fail('has a malformed "r"');
  return {
    entry: {
      path,
      kind: fields.get('k') as SourceEntry['kind'],
      size,
      modifiedMs,
      changeToken: text('c'),
      attributes: textRecord(fields, 'a', fail),
      userMetadata: textRecord(fields, 'u', fail),
      tags: textRecord(fields, 't', fail),
    },
    mustRead: fields.has('r'),
    ...(carriedFrom !== undefined && { carriedFrom }),
  };
}

/**
 * The quick way, for entries as this program writes them: `undefined` for all others, which the strict way then
 * understands or refuses.
 */
function findFile(path: Uint8Array, logical: Uint8Array): FileEntry | undefined {
  const reader = new CborReader(logical);
  const texts: Record<'a' | 't' | 'u', Readonly<Record<string, string>>> = { a: none, t: none, u: none };
  const entry = { kind: '', size: NaN, modifiedMs: NaN, changeToken: '' };
  let mustRead = false;
  let carriedFrom: PointId | undefined;
  for (let left = reader.map(); left > 0; left--) {
    const name = reader.text();
    if (name === 'a' || name === 't' || name === 'u') texts[name] = reader.texts();
    else if (name === 'c') entry.changeToken = reader.text();
    else if (name === 'k') entry.kind = reader.text();
    else if (name === 'm') entry.modifiedMs = reader.number();
    else if (name === 's') entry.size = reader.number();
    else if (name === 'r') mustRead = reader.true();
    else if (name === 'v') carriedFrom = reader.text() as PointId;
    else return undefined;
  }
  const { size, modifiedMs, kind } = entry;
  if (!kinds.has(kind) || !Number.isSafeInteger(size) || size < 0 || !Number.isFinite(modifiedMs))
    return undefined;
  const found = {
    ...entry,
    path,
    kind: kind as SourceEntry['kind'],
    attributes: texts.a,
    userMetadata: texts.u,
    tags: texts.t,
  };
  if (!writeFields(found, mustRead, carriedFrom).isWritten(logical)) return undefined;
  return { entry: found, mustRead, ...(carriedFrom !== undefined && { carriedFrom }) };
}

type Fail = (what: string, options?: ErrorOptions) => never;

const fieldNames: ReadonlySet<unknown> = new Set(['k', 's', 'm', 'c', 'a', 'u', 't', 'r', 'v']);

function decodeFields(logical: Uint8Array, fail: Fail): ReadonlyMap<unknown, unknown> {
  let fields: unknown;
  try {
    fields = decode(logical, decodeOptions);
  } catch (cause) {
    return fail('is not deterministic CBOR', { cause });
  }
  if (!(fields instanceof Map)) return fail('is not a map');
  for (const name of fields.keys())
    if (!fieldNames.has(name)) return fail('has a field that the format does not know');
  return fields;
}

function textRecord(fields: ReadonlyMap<unknown, unknown>, name: string, fail: Fail): Record<string, string> {
  if (!fields.has(name)) return {};
  const map = fields.get(name);
  if (!(map instanceof Map) || map.size === 0) return fail(`has a malformed "${name}"`);
  for (const [key, value] of map) {
    if (typeof key !== 'string' || typeof value !== 'string') return fail(`has a malformed "${name}"`);
  }
  return Object.fromEntries(map) as Record<string, string>;
}
