import { SourceUnavailableError } from '../errors.ts';
import type { BlockContent, BlockPage, BlockSource, SnapshotBlock } from '../ports/block-source.ts';
import { ListedTokens, type ListedTokensOptions } from './listed-tokens.ts';

/** Times that a block's token may turn out to be too old, the first time included. */
const tokenAttempts = 3;

/**
 * Reads blocks of one snapshot. Where a token is missing or too old, the blocks from there on are listed again: a page,
 * which is of use to the blocks that follow. Memory: the tokens of the pages that are kept.
 */
export class BlockReader {
  readonly #source: BlockSource;
  readonly #snapshot: string;
  readonly #signal: AbortSignal | undefined;
  readonly #tokens: ListedTokens;

  constructor(source: BlockSource, snapshot: string, options: ListedTokensOptions = {}) {
    this.#source = source;
    this.#snapshot = snapshot;
    this.#signal = options.signal;
    this.#tokens = new ListedTokens(source, snapshot, options);
  }

  /** The size of the volume. */
  async size(): Promise<Pick<BlockPage, 'bytes' | 'blockBytes'>> {
    return this.#tokens.size();
  }

  /**
   * @param block - one that has content: listed, or kept from a base, which has no blocks of zeros.
   * @throws {@link SourceUnavailableError} the snapshot does not list the block now: nobody knows what it holds.
   */
  async read(block: SnapshotBlock): Promise<BlockContent> {
    const content = await this.find(block);
    if (content !== undefined) return content;
    throw new SourceUnavailableError(
      `block ${block.index} of snapshot ${this.#snapshot} has content, and is not there when it is listed anew; try again later, or make a full`,
    );
  }

  /** @returns `undefined` where the snapshot does not list the block: of one that was never written, it is zeros. */
  async find({ index, token: listed }: SnapshotBlock): Promise<BlockContent | undefined> {
    let token = listed;
    for (let attempt = 1; attempt <= tokenAttempts; attempt += 1) {
      token = attempt === 1 && token !== undefined ? token : await this.#tokens.find(index, token);
      if (token === undefined) return undefined;
      const content = await this.#source.read(this.#snapshot, { index, token }, this.#signal);
      if (content !== 'expired') return content;
    }
    throw new SourceUnavailableError(
      `the token of block ${index} of snapshot ${this.#snapshot} is too old as soon as it is listed; try again later`,
    );
  }
}
