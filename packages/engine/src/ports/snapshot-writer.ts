/** A snapshot to write. */
export interface SnapshotOrder {
  readonly sizeGiB: number;
  /** Orders of the same token make one snapshot, as long as all else is the same. At most 64 characters. */
  readonly clientToken: string;
  /** A completed snapshot of at most that size, whose blocks the new one has where none is written. */
  readonly parent?: string | undefined;
  /** Encryption of a snapshot without a parent; one with a parent has the parent's. @default the account's default */
  readonly encryption?: { readonly keyArn: string | undefined } | undefined;
  readonly description: string;
  /** 50 at most. */
  readonly tags: Readonly<Record<string, string>>;
}

/** A block to write, and its SHA-256. All blocks have {@link blockBytes} bytes. */
export interface BlockToWrite {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly sha256: Uint8Array;
}

/** Blocks of a snapshot: all that were written, each once, and the SHA-256 of their SHA-256s in the order of indexes. */
export interface WrittenBlocks {
  readonly blocks: number;
  readonly sha256: Uint8Array;
}

/**
 * Snapshots that are written by the block. Every call can be repeated, and made by several at a time: a block that is
 * written again is the last one's.
 *
 * A snapshot that cannot be written for now is a {@link StoreUnavailableError}; one that takes no blocks, because it is
 * gone, failed, or may not be written, a {@link TargetUnavailableError}.
 */
export interface SnapshotWriter {
  /** @returns `busy` when no more snapshots may be begun for now; nothing was made. */
  start(order: SnapshotOrder, signal?: AbortSignal): Promise<{ readonly snapshot: string } | 'busy'>;
  write(snapshot: string, block: BlockToWrite, signal?: AbortSignal): Promise<void>;
  /**
   * Seals a snapshot, which is checked to have just these blocks. It is completed some time later.
   * @returns `sealed-already` of one that takes nothing any more: it was sealed, or has failed.
   */
  complete(
    snapshot: string,
    written: WrittenBlocks,
    signal?: AbortSignal,
  ): Promise<'sealed' | 'sealed-already'>;
}
