import { type ChunkingPolicy, cutMasks, scanForZeros, windowBytes } from './fastcdc.ts';

/** A position at which a chunk of the right length ends. */
interface Candidate {
  /** Bytes before it. */
  readonly at: number;
  /** Chunks below the average end there, too. */
  readonly isStrict: boolean;
}

/** Candidates that are looked at: of content that could be cut in more places no more is remembered. */
const mostCandidates = 1024;

/**
 * Finds a place in the middle of a content where a chunk ends, wherever the chunks before it began: so what lies before
 * and what lies behind it can be cut by two workers, and the chunks are those of one who cut all of it. Candidates are
 * few, and chunks from all of them soon end at the same one: in content without structure after about 6 MiB. Long runs
 * without a candidate, such as zeros, have no such place. Memory: 1,024 candidates.
 */
export class SureCutSearch {
  readonly #policy: ChunkingPolicy;
  readonly #masks: ReturnType<typeof cutMasks>;
  readonly #candidates: Candidate[] = [];
  #seenBytes = 0;
  /** Bytes of which all candidates are known. */
  #knownBytes = 0;
  /** The bytes that the next hash begins with. */
  #tail: Uint8Array = new Uint8Array(0);

  constructor(policy: ChunkingPolicy) {
    this.#policy = policy;
    this.#masks = cutMasks(policy);
  }

  /**
   * Takes the next piece of a stretch of the content, at whose end the content does not end.
   * @returns the place, as bytes from the stretch's beginning; `undefined` as long as it is not known.
   */
  push(piece: Uint8Array): number | undefined {
    const head = Buffer.concat([this.#tail, piece.subarray(0, windowBytes - 1)]);
    const headStart = this.#seenBytes - this.#tail.length;
    this.#collect(head, Math.max(this.#tail.length, windowBytes - 1), headStart);
    this.#collect(piece, windowBytes - 1, this.#seenBytes);
    this.#seenBytes += piece.length;
    const last = this.#candidates.at(-1);
    this.#knownBytes =
      this.#candidates.length < mostCandidates || last === undefined ? this.#seenBytes : last.at;
    const recent = piece.length < windowBytes ? head : piece;
    // Not `slice`: of a Buffer that is a view, and the source reuses the memory for the next piece.
    this.#tail = new Uint8Array(recent.subarray(Math.max(0, recent.length - windowBytes + 1)));
    return this.#findCut();
  }

  #collect(bytes: Uint8Array, from: number, start: number): void {
    const { strict, loose } = this.#masks;
    for (let next = from; this.#candidates.length < mostCandidates;) {
      const found = scanForZeros(bytes, next, bytes.length, loose);
      if (found < 0) return;
      next = found + 1;
      this.#candidates.push({
        at: start + next,
        isStrict: scanForZeros(bytes, found, next, strict) === found,
      });
    }
  }

  #findCut(): number | undefined {
    const ends = this.#firstEnds();
    if (ends === undefined) return undefined;
    // One of them is where a chunk ends; so it stays when each is replaced by the end of the chunk behind it.
    for (let [first, second] = ends; second !== undefined; [first, second] = ends) {
      const end = this.#endAfter(first as number);
      if (end === undefined) return undefined;
      ends.shift();
      const at = ends.findIndex((other) => other >= end);
      if (ends[at] !== end) ends.splice(at < 0 ? ends.length : at, 0, end);
    }
    return ends[0];
  }

  /**
   * All places where the first chunk can end that ends behind some candidate: a chunk is never longer than the longest, and ends
   * at a candidate if there is always one among the last lengths that it may have.
   */
  #firstEnds(): number[] | undefined {
    const { averageBytes, maxBytes } = this.#policy;
    let begin = 0;
    for (const [index, { at }] of this.#candidates.entries()) {
      const from = (this.#candidates[begin] as Candidate).at;
      const before = this.#candidates[Math.max(begin, index - 1)] as Candidate;
      const isGap = Math.min(at - 1, from + maxBytes) - before.at >= maxBytes - averageBytes;
      if (isGap) begin = index;
      else if (at > from + maxBytes) return this.#candidates.slice(begin + 1, index).map((one) => one.at);
    }
    return undefined;
  }

  /** The end of the chunk that begins there; `undefined` where more has to be seen. */
  #endAfter(start: number): number | undefined {
    const { minBytes, averageBytes, maxBytes } = this.#policy;
    for (const { at, isStrict } of this.#candidates) {
      const length = at - start;
      if (length > maxBytes) break;
      if (length >= minBytes && (isStrict || length > averageBytes)) return at;
    }
    return this.#knownBytes >= start + maxBytes ? start + maxBytes : undefined;
  }
}
