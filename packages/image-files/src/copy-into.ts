/** Copies what of some bytes is within a buffer. @param at - of the bytes' beginning, before the buffer's if negative. */
export function copyInto(buffer: Uint8Array, at: number, bytes: Uint8Array): void {
  buffer.set(bytes.subarray(Math.max(0, -at), buffer.length - at), Math.max(0, at));
}
