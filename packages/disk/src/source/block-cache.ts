import { type ByteSource, checkWithin } from './byte-source.ts';

export interface BlockCacheOptions {
  /** Size and alignment of what is read at once. @default 512 KiB, a block of EBS */
  readonly blockBytes?: number;
  /** Blocks that are kept; memory is at most so many, and what is being read. @default 32 */
  readonly blocks?: number;
}

/**
 * Reads a source in aligned blocks, and keeps those used last, so that the many small reads of a path cost few of the
 * source. Neighbouring blocks that are missing are read at once; of a long stretch only both ends are kept, so that
 * the content of a file does not push out what names it. Reads that are under way are shared, and so not aborted.
 */
export function cacheBlocks(
  source: ByteSource,
  { blockBytes = 512 * 1024, blocks = 32 }: BlockCacheOptions = {},
): ByteSource {
  /** Least recently used first. */
  const kept = new Map<number, Promise<Uint8Array>>();

  const keep = (block: number, bytes: Promise<Uint8Array>): void => {
    kept.set(block, bytes);
    bytes.catch(() => kept.get(block) === bytes && kept.delete(block));
    for (const oldest of kept.keys()) {
      if (kept.size <= blocks) break;
      kept.delete(oldest);
    }
  };

  const use = (block: number): Promise<Uint8Array> | undefined => {
    const bytes = kept.get(block);
    if (bytes === undefined) return undefined;
    kept.delete(block);
    kept.set(block, bytes);
    return bytes;
  };

  /** Blocks `from` to `to`, exclusive, none of which is kept. */
  const fetch = (from: number, to: number): Promise<Uint8Array> => {
    const start = from * blockBytes;
    const run = source.read(start, Math.min(to * blockBytes, source.bytes) - start);
    const piece = async (block: number): Promise<Uint8Array> => {
      const at = (block - from) * blockBytes;
      // A copy, or a kept block would hold all of the run in memory. Of a Buffer, slice() makes none.
      return to - from === 1 ? run : new Uint8Array((await run).subarray(at, at + blockBytes));
    };
    keep(from, piece(from));
    if (to - from > 1) keep(to - 1, piece(to - 1));
    return run;
  };

  return {
    bytes: source.bytes,
    lostBytes: (offset, length) => source.lostBytes?.(offset, length) ?? 0,
    mayDiffer: (offset, length) => source.mayDiffer?.(offset, length) ?? true,
    read: async (offset, length, signal) => {
      signal?.throwIfAborted();
      checkWithin(offset, length, source.bytes);
      const last = Math.floor((offset + length - 1) / blockBytes);
      const parts: { readonly at: number; readonly bytes: Promise<Uint8Array> }[] = [];
      for (let block = Math.floor(offset / blockBytes); block <= last;) {
        const at = block * blockBytes;
        const there = use(block);
        if (there !== undefined) {
          parts.push({ at, bytes: there });
          block += 1;
          continue;
        }
        const from = block;
        while (block <= last && !kept.has(block)) block += 1;
        parts.push({ at, bytes: fetch(from, block) });
      }
      const read = await Promise.all(parts.map(async (part) => part.bytes));
      signal?.throwIfAborted();
      return join(parts, read, offset, length);
    },
  };
}

function join(
  parts: readonly { readonly at: number }[],
  read: readonly Uint8Array[],
  offset: number,
  length: number,
): Uint8Array {
  const [first] = read;
  if (first !== undefined && read.length === 1) {
    const from = offset - (parts[0]?.at ?? 0);
    return first.subarray(from, from + length);
  }
  const whole = new Uint8Array(length);
  for (const [index, bytes] of read.entries()) {
    const at = (parts[index]?.at ?? 0) - offset;
    const wanted = bytes.subarray(Math.max(0, -at), length - at);
    whole.set(wanted, Math.max(0, at));
  }
  return whole;
}
