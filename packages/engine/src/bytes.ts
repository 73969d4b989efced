import type { RandomBytes } from './ports/random-bytes.ts';

/** Orders byte strings as unsigned bytes, shorter first: the order of every manifest key and of S3's listings. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** Not for secrets: it returns early. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

const zeros = Buffer.alloc(64 * 1024);

/** True where all bytes are zero. Takes a fraction of the time of hashing them, and ends with the first 64 KiB that are not. */
export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const piece = bytes.subarray(at, at + zeros.length);
    if (Buffer.compare(piece, zeros.subarray(0, piece.length)) !== 0) return false;
  }
  return true;
}

/** Lower case. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** The caller has checked the text. */
export function fromHex(text: string): Uint8Array {
  return Buffer.from(text, 'hex');
}

/** A new random id of 16 bytes as hexadecimal text, branded as the caller needs. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the brand that the id gets
export function newId<Id extends string>(random: RandomBytes): Id {
  return toHex(random.bytes(16)) as Id;
}

export function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

/** Bytes that are not UTF-8 are shown as U+FFFD. */
export function fromUtf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** The caller has checked the text. */
export function fromBase64(text: string): Uint8Array {
  return Buffer.from(text, 'base64');
}

/** A range whose ends are written as base64; an end that is absent is open. */
export function rangeFromBase64({ from, to }: { readonly from?: string; readonly to?: string }) {
  return {
    from: from === undefined ? undefined : fromBase64(from),
    to: to === undefined ? undefined : fromBase64(to),
  };
}
