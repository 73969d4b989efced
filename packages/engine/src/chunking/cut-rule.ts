/**
 * Decides where a chunk ends. Pure: the answer depends on the chunk's bytes alone, so the pieces in which bytes
 * arrive never show in the chunks.
 */
export interface CutRule {
  /** Every chunk ends there at the latest. */
  readonly maxBytes: number;
  /**
   * Length of the chunk that begins at `start`, or 0 when the bytes up to `end` do not tell yet.
   * Lengths up to `tested` have been ruled out by an earlier call on the same bytes.
   */
  findCut(bytes: Uint8Array, start: number, end: number, tested: number): number;
}
