import type { BlockSource } from '../ports/block-source.ts';

/** All blocks of the snapshot from one index to another. */
interface ListedStretch {
  readonly from: number;
  readonly to: number;
  readonly tokens: ReadonlyMap<number, string | undefined>;
}

/**
 * Tokens of blocks of one snapshot, looked up in its list: a page at a time, which is of use to the blocks that follow.
 * Memory: the tokens of one page. Not for callers side by side.
 */
export class ListedTokens {
  readonly #source: BlockSource;
  readonly #snapshot: string;
  readonly #signal: AbortSignal | undefined;
  #listed: ListedStretch = { from: 0, to: 0, tokens: new Map() };

  constructor(source: BlockSource, snapshot: string, signal?: AbortSignal) {
    this.#source = source;
    this.#snapshot = snapshot;
    this.#signal = signal;
  }

  /**
   * @param old - a token that is too old: then the list is asked anew.
   * @returns `undefined` where the snapshot does not list the block.
   */
  async find(index: number, old?: string): Promise<string | undefined> {
    const { from, to, tokens } = this.#listed;
    const known = tokens.get(index);
    if (index >= from && index < to && (known === undefined || known !== old)) return known;
    this.#listed = await this.#listFrom(index);
    return this.#listed.tokens.get(index);
  }

  async #listFrom(from: number): Promise<ListedStretch> {
    for await (const { blocks } of this.#source.list(this.#snapshot, from, this.#signal)) {
      const last = blocks.at(-1);
      if (last === undefined) continue;
      const tokens = new Map(blocks.map(({ index, token }) => [index, token]));
      return { from, to: last.index + 1, tokens };
    }
    return { from, to: Infinity, tokens: new Map() };
  }
}
