import { SerialQueue } from '../packs/serial-queue.ts';
import type { BlockPage, BlockSource } from '../ports/block-source.ts';

/** All blocks of the snapshot from one index to another. */
interface ListedStretch {
  readonly from: number;
  readonly to: number;
  readonly tokens: ReadonlyMap<number, string | undefined>;
}

export interface ListedTokensOptions {
  /** Pages whose tokens are kept, for those who read here and there. @default 1 */
  readonly pages?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Tokens of blocks of one snapshot, looked up in its list: a page at a time, which is of use to the blocks that follow.
 * Memory: the tokens of so many pages.
 */
export class ListedTokens {
  readonly #source: BlockSource;
  readonly #snapshot: string;
  readonly #pages: number;
  readonly #signal: AbortSignal | undefined;
  readonly #queue = new SerialQueue();
  #size: Pick<BlockPage, 'bytes' | 'blockBytes'> | undefined;
  /** Least recently used first. */
  #listed: readonly ListedStretch[] = [];

  constructor(source: BlockSource, snapshot: string, { pages = 1, signal }: ListedTokensOptions = {}) {
    this.#source = source;
    this.#snapshot = snapshot;
    this.#pages = pages;
    this.#signal = signal;
  }

  /** The size of the volume, which its list tells. */
  async size(): Promise<Pick<BlockPage, 'bytes' | 'blockBytes'>> {
    return this.#queue.run(async () => {
      if (this.#size === undefined) this.#listed = [await this.#listFrom(0)];
      if (this.#size === undefined) throw new TypeError('a list of blocks has a page');
      return this.#size;
    });
  }

  /**
   * @param old - a token that is too old: then the list is asked anew.
   * @returns `undefined` where the snapshot does not list the block.
   */
  async find(index: number, old?: string): Promise<string | undefined> {
    return this.#queue.run(async () => {
      const known = this.#listed.find(({ from, to }) => index >= from && index < to);
      const token = known?.tokens.get(index);
      const isGood = known !== undefined && (token === undefined || token !== old);
      const stretch = isGood ? known : await this.#listFrom(index);
      const others = this.#listed.filter((one) => one !== known && one !== stretch);
      this.#listed = [...others, stretch].slice(-this.#pages);
      return stretch.tokens.get(index);
    });
  }

  async #listFrom(from: number): Promise<ListedStretch> {
    for await (const { blocks, bytes, blockBytes } of this.#source.list(this.#snapshot, from, this.#signal)) {
      this.#size ??= { bytes, blockBytes };
      const last = blocks.at(-1);
      if (last === undefined) continue;
      const tokens = new Map(blocks.map(({ index, token }) => [index, token]));
      return { from, to: last.index + 1, tokens };
    }
    return { from, to: Infinity, tokens: new Map() };
  }
}
