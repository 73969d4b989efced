import { SourceUnavailableError } from '../errors.ts';
import { SerialQueue } from '../packs/serial-queue.ts';
import type { BlockContent, BlockSource, SnapshotBlock } from '../ports/block-source.ts';

/** Times that a block's token may turn out to be too old, the first time included. */
const tokenAttempts = 3;

/** Tokens that were listed anew: all blocks of the snapshot from one index to another. */
interface Renewed {
  readonly from: number;
  readonly to: number;
  readonly tokens: ReadonlyMap<number, string | undefined>;
}

/**
 * Reads blocks of one snapshot. Where a token is missing or too old, the blocks from there on are listed again: a page,
 * which is of use to the blocks that follow. Memory: the tokens of one page.
 */
export class BlockReader {
  readonly #source: BlockSource;
  readonly #snapshot: string;
  readonly #signal: AbortSignal | undefined;
  readonly #queue = new SerialQueue();
  #renewed: Renewed = { from: 0, to: 0, tokens: new Map() };

  constructor(source: BlockSource, snapshot: string, signal?: AbortSignal) {
    this.#source = source;
    this.#snapshot = snapshot;
    this.#signal = signal;
  }

  /**
   * @param block - one that has content: listed, or kept from a base, which has no blocks of zeros.
   * @throws {@link SourceUnavailableError} the snapshot does not list the block now: nobody knows what it holds.
   */
  async read({ index, token: listed }: SnapshotBlock): Promise<BlockContent> {
    let token = listed;
    for (let attempt = 1; attempt <= tokenAttempts; attempt += 1) {
      token = attempt === 1 && token !== undefined ? token : await this.#renew(index, token);
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

  /** @param old - the token that is too old. */
  async #renew(index: number, old: string | undefined): Promise<string | undefined> {
    return this.#queue.run(async () => {
      const { from, to, tokens } = this.#renewed;
      const known = tokens.get(index);
      if (index >= from && index < to && (known === undefined || known !== old)) return known;
      this.#renewed = await this.#listFrom(index);
      return this.#renewed.tokens.get(index);
    });
  }

  async #listFrom(from: number): Promise<Renewed> {
    for await (const { blocks } of this.#source.list(this.#snapshot, from, this.#signal)) {
      const last = blocks.at(-1);
      if (last === undefined) continue;
      const tokens = new Map(blocks.map(({ index, token }) => [index, token]));
      return { from, to: last.index + 1, tokens };
    }
    return { from, to: Infinity, tokens: new Map() };
  }
}
