/** Joins and cuts content into pieces of exactly `size` bytes, the last one shorter. Each piece is a buffer of its own. */
export async function* inPieces(content: AsyncIterable<Uint8Array>, size: number): AsyncIterable<Uint8Array> {
  let piece = new Uint8Array(size);
  let filled = 0;
  for await (const bytes of content) {
    let taken = 0;
    while (taken < bytes.length) {
      const count = Math.min(size - filled, bytes.length - taken);
      piece.set(bytes.subarray(taken, taken + count), filled);
      taken += count;
      filled += count;
      if (filled === size) {
        yield piece;
        piece = new Uint8Array(size);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}
