/** The place that the blocks of a volume are written to. Where nothing is written, it reads as zeros. */
export interface VolumeTarget {
  /**
   * Tells whether a block is there already; it is not read from the vault then.
   * @param isSame - tells whether bytes are those of the block.
   */
  has(block: { readonly offset: number; readonly plainBytes: number }, isSame: SameBytes): Promise<boolean>;
  /**
   * Writes one block, which has been verified. Several may be under way, begun in the order of their offsets. A
   * repetition writes the same.
   * @throws {@link TargetUnavailableError} the target is full, gone, or does not take it.
   */
  write(offset: number, bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
}

export type SameBytes = (bytes: Uint8Array) => boolean;
