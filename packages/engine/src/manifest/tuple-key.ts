import { compareBytes } from '../bytes.ts';
import { InvalidInputError, StoredBytesDamagedError } from '../errors.ts';

/** Longest key of any tree, in bytes. Paths get there with about 8,000 bytes. */
export const maxKeyBytes = 8192;

/** A half-open range of keys: `from` inclusive, `to` exclusive; absent = unbounded. */
export interface KeyRange {
  readonly from?: Uint8Array;
  readonly to?: Uint8Array;
}

/** A key of a file manifest, read: the entry of a path, or its content from an offset on. */
export interface FileKey {
  readonly path: Uint8Array;
  readonly offset?: number;
}

const bytesTag = 0x01;
const terminator = 0x00;
const escape = 0xff;
const integerTag = 0x14;
const integerBytesMax = 7;

/** Writes a path as the key's first element, without the terminator: what all longer paths begin with, too. */
function escapePath(path: Uint8Array, spareBytes: number): { key: Uint8Array; length: number } {
  let zeros = 0;
  for (let at = path.indexOf(0); at >= 0; at = path.indexOf(0, at + 1)) zeros++;
  const key = new Uint8Array(1 + path.length + zeros + spareBytes);
  if (key.length > maxKeyBytes) {
    throw new InvalidInputError(
      `a path of ${path.length} bytes is too long for a key of ${maxKeyBytes}; shorten it`,
    );
  }
  key[0] = bytesTag;
  if (zeros === 0) {
    key.set(path, 1);
    return { key, length: 1 + path.length };
  }
  let length = 1;
  for (const byte of path) {
    key[length++] = byte;
    if (byte === 0) key[length++] = escape;
  }
  return { key, length };
}

/**
 * Key of a path's own entry. Keys sort as the paths do.
 * @throws {@link InvalidInputError} the path does not fit a key.
 */
export function entryKey(path: Uint8Array): Uint8Array {
  const { key, length } = escapePath(path, 1);
  key[length] = terminator;
  return key;
}

/**
 * Key of a path's content from `offset` on. Sorts after the path's entry, by offset, and before every later path.
 * @throws {@link InvalidInputError} the path does not fit a key, or the offset is not an integer from 0 to 2^53 - 1.
 */
export function extentKey(path: Uint8Array, offset: number): Uint8Array {
  if (!Number.isSafeInteger(offset) || offset < 0)
    throw new InvalidInputError(`${offset} is not an offset of content`);
  let width = 0;
  for (let rest = offset; rest > 0; rest = Math.floor(rest / 256)) width++;
  const { key, length } = escapePath(path, 2 + width);
  key[length] = terminator;
  key[length + 1] = integerTag + width;
  for (let at = length + 1 + width, rest = offset; rest > 0; rest = Math.floor(rest / 256))
    key[at--] = rest % 256;
  return key;
}

/** Index of the byte that ends the path; -1 if none does. */
function pathEnd(key: Uint8Array): number {
  let at = key.indexOf(terminator, 1);
  while (at >= 0 && key[at + 1] === escape) at = key.indexOf(terminator, at + 2);
  return at;
}

/** @throws {@link StoredBytesDamagedError} no writer makes such a key; in the name of the object that it is from. */
export function decodeFileKey(key: Uint8Array, objectName: string): FileKey {
  const end = pathEnd(key);
  if (key[0] !== bytesTag || end < 0)
    throw new StoredBytesDamagedError(objectName, 'a key does not begin with a path');
  const path = unescapePath(key.subarray(1, end));
  if (end === key.length - 1) return { path };

  const width = (key[end + 1] ?? 0) - integerTag;
  if (
    width < 0 ||
    width > integerBytesMax ||
    key.length !== end + 2 + width ||
    (width > 0 && key[end + 2] === 0)
  ) {
    throw new StoredBytesDamagedError(objectName, 'a key does not end in an offset');
  }
  let offset = 0;
  for (const byte of key.subarray(end + 2)) offset = offset * 256 + byte;
  if (offset > Number.MAX_SAFE_INTEGER)
    throw new StoredBytesDamagedError(objectName, 'a key has an offset of 2^53 or more');
  return { path, offset };
}

/** True for the key of a path's own entry, false for a key of its content. */
export function isEntryKey(key: Uint8Array): boolean {
  return pathEnd(key) === key.length - 1;
}

/** Both are keys of a file manifest, as its writer makes them. */
export function hasSamePath(a: Uint8Array, b: Uint8Array): boolean {
  const end = pathEnd(a);
  if (end < 0 || b.length <= end || b[end] !== terminator || b[end + 1] === escape) return false;
  for (let at = end; at >= 0; at--) if (a[at] !== b[at]) return false;
  return true;
}

/** Compares a path with the one that a key of a file manifest is of, without decoding that. */
export function comparePathToKey(path: Uint8Array, key: Uint8Array): number {
  if (path.includes(terminator)) return Buffer.compare(entryKey(path), key.subarray(0, pathEnd(key) + 1));
  const most = Math.min(path.length, key.length - 1);
  for (let at = 0; at < most; at++) {
    const difference = (path[at] as number) - (key[at + 1] as number);
    if (difference !== 0) return difference;
  }
  // The rest of the key is the end of its path, or more of it.
  return path.length + 1 < key.length &&
    key[path.length + 1] === terminator &&
    key[path.length + 2] !== escape
    ? 0
    : -1;
}

function unescapePath(escaped: Uint8Array): Uint8Array {
  if (!escaped.includes(terminator)) return escaped.slice();
  const path = new Uint8Array(escaped.length);
  let length = 0;
  for (let at = 0; at < escaped.length; at++) {
    path[length++] = escaped[at] ?? 0;
    if (escaped[at] === terminator) at++;
  }
  return path.slice(0, length);
}

/**
 * Lowest bits of a key's hash that have to be zero for it to close its leaf: keys of paths come in leaves of about
 * 128, keys of content in smaller ones, as their values are larger.
 * @see docs/format.md, section 5
 */
export function fileLeafBits(key: Uint8Array): number {
  const end = pathEnd(key);
  if (end < 0 || end === key.length - 1) return 7;
  return key[end + 1] === integerTag ? 5 : 3;
}

/** The key that follows immediately: nothing sorts between the two. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

export function pathKeys(path: Uint8Array): Required<KeyRange> {
  const from = entryKey(path);
  const to = keyAfter(from);
  to[from.length] = escape;
  return { from, to };
}

/** All keys of the paths that begin with these bytes, which need not end at a slash. */
export function prefixKeys(prefix: Uint8Array): Required<KeyRange> {
  const { key, length } = escapePath(prefix, 0);
  const from = key.slice(0, length);
  let end = from.length;
  while (from[end - 1] === 0xff) end--;
  const to = from.slice(0, end);
  to[end - 1] = (to[end - 1] ?? 0) + 1;
  return { from, to };
}

/** Ranges in ascending order; those that overlap or touch are one. */
export function joinRanges(ranges: readonly Required<KeyRange>[]): readonly Required<KeyRange>[] {
  const joined: Required<KeyRange>[] = [];
  for (const { from, to } of ranges.toSorted((a, b) => compareBytes(a.from, b.from))) {
    const last = joined.at(-1);
    if (last === undefined || compareBytes(from, last.to) > 0) joined.push({ from, to });
    else if (compareBytes(to, last.to) > 0) joined[joined.length - 1] = { from: last.from, to };
  }
  return joined;
}
