import { compareBytes, type PathRange, utf8 } from '@holdfast/engine';

/** The longest key of S3, in bytes of UTF-8. */
const maxKeyBytes = 1_024;

/**
 * Chooses a key after which a listing begins at `from` itself, as ListObjectsV2 knows only "after". It is the string
 * just before `from`, or one that few keys lie behind; the caller skips what comes too early.
 * @returns `undefined` to start at the beginning.
 */
export function startAfterFor(from: Uint8Array | undefined): string | undefined {
  const text = from === undefined ? '' : longestText(from);
  const last = text.codePointAt(text.length - (/[\u{10000}-\u{10FFFF}]$/u.test(text) ? 2 : 1));
  if (last === undefined) return undefined;
  const head = text.slice(0, text.length - String.fromCodePoint(last).length);
  // 'a\0' follows 'a' directly.
  if (last === 0) return head === '' ? undefined : head;
  // Between U+D7FF and U+E000 lie the surrogates, which are not characters.
  const before = String.fromCodePoint(last === 0xe000 ? 0xd7ff : last - 1);
  return longestText(utf8(`${head}${before}\u{10FFFD}`).subarray(0, maxKeyBytes));
}

/** Decodes as many bytes of a path as are whole characters. */
export function longestText(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for (let end = bytes.length; end > 0; end--) {
    try {
      return decoder.decode(bytes.subarray(0, end));
    } catch {
      // Cut in the middle of a character: a shorter text starts earlier, which is safe.
    }
  }
  return '';
}

export function isBefore(path: Uint8Array, { from }: PathRange): boolean {
  return from !== undefined && compareBytes(path, from) < 0;
}

export function isBehind(path: Uint8Array, { to }: PathRange): boolean {
  return to !== undefined && compareBytes(path, to) >= 0;
}
