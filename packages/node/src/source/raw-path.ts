/**
 * A path's bytes, one character a byte (latin1). File names are bytes, not text: any byte but NUL and `/` occurs.
 * This form loses none of them, and `<` and `sort()` on it order by bytes, at the price of a string comparison.
 */
export type RawPath = string & { readonly __brand: 'RawPath' };

export function rawPathOf(bytes: Uint8Array): RawPath {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as RawPath;
}

/** The raw form of a path that a person wrote, with no `/` at its end. The root directory becomes the empty path. */
export function rawPathOfText(path: string): RawPath {
  return rawPathOf(Buffer.from(path, 'utf8')).replace(/\/+$/, '') as RawPath;
}

export function pathBytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

/** A path for a call of the file system: as text where that has the same bytes, which saves making a buffer. */
export function callPathOf(path: RawPath): Buffer | string {
  return /[^\0-\x7f]/.test(path) ? pathBytes(path) : path;
}

/** A path for messages: bytes that are not UTF-8 are shown as U+FFFD. */
export function shownPath(path: Uint8Array | RawPath): string {
  return (typeof path === 'string' ? pathBytes(path) : Buffer.from(path)).toString('utf8');
}
