export interface SnapshotBlock {
  /** Place in the volume, in blocks. */
  readonly index: number;
  /**
   * The key to the block's bytes, from a listing of its snapshot. Absent in a list of changes where the snapshot has no
   * such block any more: it reads as zeros.
   */
  readonly token?: string;
}

/** The content of a block, verified. */
export interface BlockContent {
  /** The caller's own: nobody else has the memory. The volume's last block may be shorter than the others. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes, by which they were verified. 32 bytes. */
  readonly sha256: Uint8Array;
}

/** The beginning of a page of a list, in the words of the source that gave it. */
export interface PagePlace {
  /** The blocks before it have been listed: where the list is begun anew once the token is too old. */
  readonly index: number;
  readonly token: string;
}

/** A part of a list of blocks, and what the whole snapshot is like. */
export interface BlockPage {
  /** Size of the volume. */
  readonly bytes: number;
  readonly blockBytes: number;
  /** By index; may be empty, also in the middle of a list. */
  readonly blocks: readonly SnapshotBlock[];
  /** The page after it: an empty one tells by nothing else how far it looked. Absent where none follows, or none can be begun with. */
  readonly next?: PagePlace | undefined;
}

/**
 * Snapshots of volumes, read by the block. A list has a page at least, as that tells the size.
 *
 * A snapshot that is not there or not complete is a {@link SnapshotMissingError}, one that may not be read, or whose key
 * may not be used, a {@link SourceUnavailableError}; calls that are throttled for long end with a
 * {@link StoreUnavailableError}, after which they can be made again.
 */
export interface BlockSource {
  /** Lists the blocks of a snapshot that were ever written, in their order: from an index on, or from a page of this list. */
  list(snapshot: string, from: number | PagePlace, signal?: AbortSignal): AsyncIterable<BlockPage>;
  /**
   * Lists the blocks in which a snapshot differs from an earlier one of its volume, in their order: from an index on, or
   * from a page of this list.
   * Blocks that were written again with what they had may be among them.
   * @throws {@link UnrelatedSnapshotsError} they are of different volumes, or have blocks of different sizes.
   */
  listChanged(
    snapshot: string,
    base: string,
    from: number | PagePlace,
    signal?: AbortSignal,
  ): AsyncIterable<BlockPage>;
  /**
   * Reads a block, verified by its checksum.
   * @returns `expired` when its token is too old: the block has to be listed again.
   */
  read(
    snapshot: string,
    block: Required<SnapshotBlock>,
    signal?: AbortSignal,
  ): Promise<BlockContent | 'expired'>;
}
