import { isSameName } from '../file-system/names.ts';

/** Units of UTF-16, which need not be text: a string of JavaScript can hold any. */
export function decodeUtf16(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = '';
  for (let at = 0; at + 2 <= bytes.length; at += 2) text += String.fromCharCode(view.getUint16(at, true));
  return text;
}

/**
 * UTF-16 as WTF-8: UTF-8, in which half of a pair that stands alone is written like any other character, so that each
 * name has bytes of its own.
 * @see https://simonsapin.github.io/wtf-8/
 */
export function encodeWtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), tail(code));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), tail(code >> 6), tail(code));
    else bytes.push(0xf0 | (code >> 18), tail(code >> 12), tail(code >> 6), tail(code));
  }
  return Uint8Array.from(bytes);
}

function tail(code: number): number {
  return 0x80 | (code & 0x3f);
}

/** @returns `undefined` if no name has these bytes. */
export function decodeWtf8(bytes: Uint8Array): string | undefined {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    let code = length === 1 ? first : first & (0x7f >> length);
    for (let more = 1; more < length; more += 1) code = (code << 6) | ((bytes[at + more] ?? 0) & 0x3f);
    if (code > 0x10ffff) return undefined;
    text += String.fromCodePoint(code);
    at += length;
  }
  // What no encoder makes, such as a character in more bytes than it needs, does not come out as it went in.
  return isSameName(encodeWtf8(text), bytes) ? text : undefined;
}
