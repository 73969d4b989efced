import { SourceUnavailableError } from '../errors.ts';
import { SerialQueue } from '../packs/serial-queue.ts';
import type { BlockContent, BlockSource, SnapshotBlock } from '../ports/block-source.ts';
import { ListedTokens } from './listed-tokens.ts';

/** Times that a block's token may turn out to be too old, the first time included. */
const tokenAttempts = 3;

/**
 * Reads blocks of one snapshot. Where a token is missing or too old, the blocks from there on are listed again: a page,
 * which is of use to the blocks that follow. Memory: the tokens of one page.
 */
export class BlockReader {
  readonly #source: BlockSource;
  readonly #snapshot: string;
  readonly #signal: AbortSignal | undefined;
  readonly #queue = new SerialQueue();
  readonly #tokens: ListedTokens;

  constructor(source: BlockSource, snapshot: string, signal?: AbortSignal) {
    this.#source = source;
    this.#snapshot = snapshot;
    this.#signal = signal;
    this.#tokens = new ListedTokens(source, snapshot, signal);
  }

  /**
   * @param block - one that has content: listed, or kept from a base, which has no blocks of zeros.
   * @throws {@link SourceUnavailableError} the snapshot does not list the block now: nobody knows what it holds.
   */
  async read({ index, token: listed }: SnapshotBlock): Promise<BlockContent> {
    let token = listed;
    for (let attempt = 1; attempt <= tokenAttempts; attempt += 1) {
      token = attempt === 1 && token !== undefined ? token : await this.#listAnew(index, token);
      if (token === undefined)
        throw new SourceUnavailableError(
          `block ${index} of snapshot ${this.#snapshot} has content, and is not there when it is listed anew; try again later, or make a full`,
        );
      const content = await this.#source.read(this.#snapshot, { index, token }, this.#signal);
      if (content !== 'expired') return content;
    }
    throw new SourceUnavailableError(
      `the token of block ${index} of snapshot ${this.#snapshot} is too old as soon as it is listed; try again later`,
    );
  }

  async #listAnew(index: number, old: string | undefined): Promise<string | undefined> {
    return this.#queue.run(async () => this.#tokens.find(index, old));
  }
}
