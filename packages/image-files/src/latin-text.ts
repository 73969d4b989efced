const pieceBytes = 4096;

/** Bytes as text of a character each, which sorts as they do. */
export function latinOf(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += pieceBytes)
    text += String.fromCodePoint(...bytes.subarray(at, at + pieceBytes));
  return text;
}

/** The bytes that such a text stands for. */
export function bytesOfLatin(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}
